"""Node parameters as a table: a frozen dataclass whose fields carry description, range, choices and read-only.

The table declares the parameters on the node, refuses unknown names and values out of range, and is the typed
configuration that the rest of the code receives.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from unity_depth_perception.core.errors import ConfigurationError

Config = TypeVar("Config")

# Parameters that rclpy itself declares on every node.
_RCLPY_PARAMETERS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


@dataclass(frozen=True)
class ParameterSpec:
    """One row of a table.

    `type` is bool, int, float, str or tuple (a list of `choices`). The range is inclusive; empty `choices` allow any
    value.
    """

    name: str
    type: type
    default: Any
    description: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    read_only: bool

    @property
    def allowed(self) -> str:
        """Allowed values in words, for error messages and descriptions."""
        if self.type is tuple:
            return f"a list of one or more of {', '.join(self.choices)}"
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}[self.type]
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self.minimum} to {self.maximum}"
        return kind

    def validated(self, value: Any) -> Any:
        """The value, converted to the parameter's type (int to float, list to tuple), if it is allowed.

        Raises:
            ConfigurationError: wrong type or out of range.
        """
        if self.type is float and type(value) is int:
            value = float(value)
        if self.type is tuple and isinstance(value, list | tuple):
            value = tuple(value)
            right = bool(value) and all(item in self.choices for item in value)
        else:
            right = type(value) is self.type and (not self.choices or value in self.choices)
        if right and self.minimum is not None and self.maximum is not None:
            right = self.minimum <= value <= self.maximum  # false for NaN
        if not right:
            raise ConfigurationError(f"parameter {self.name}: expected {self.allowed}, got {value!r}")
        return value

    def descriptor(self) -> ParameterDescriptor:
        """The descriptor that `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.read_only)
        descriptor.additional_constraints = self.allowed if self.choices else ""
        if self.minimum is not None and self.maximum is not None:
            if self.type is int:
                descriptor.integer_range = [IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum))]
            else:
                float_range = FloatingPointRange(from_value=float(self.minimum), to_value=float(self.maximum))
                descriptor.floating_point_range = [float_range]
        return descriptor


def parameter(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    read_only: bool = True,
) -> Any:
    """Declare a field of a parameter table; the type of `default` is the parameter's type."""
    row = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "read_only": read_only,
    }
    return field(default=default, metadata=row)


def table(config_type: type[Any]) -> dict[str, ParameterSpec]:
    """The rows of a parameter table, by parameter name."""
    return {f.name: _spec(f) for f in fields(config_type)}


def config_from(config_type: type[Config], values: Mapping[str, Any]) -> Config:
    """A configuration with these values, and defaults for all other parameters.

    Raises:
        ConfigurationError: an unknown name, a wrong type or a value out of range.
    """
    rows = table(config_type)
    return config_type(**{name: _row(rows, name).validated(value) for name, value in values.items()})


def declare(node: Node, config_type: type[Config]) -> Config:
    """Declare the table on a node made with `automatically_declare_parameters_from_overrides=True`.

    Every override (command line, parameter file) is on the node by then, the unknown ones too, so that they can be
    refused: rclpy ignores them silently, so that a misspelt parameter would go unnoticed.

    Raises:
        ConfigurationError: an override is unknown, of the wrong type or out of range.
    """
    names = [n for n in node.list_parameters([], 0).names if not n.startswith(_RCLPY_PARAMETERS)]
    config = config_from(config_type, {name: node.get_parameter(name).value for name in names})
    for name in names:
        node.undeclare_parameter(name)
    for name, spec in table(config_type).items():
        # The override is in `config` already, in the parameter's own type.
        value = getattr(config, name)
        value = list(value) if spec.type is tuple else value
        node.declare_parameter(name, value, spec.descriptor(), ignore_override=True)
    return config


def with_changes(config: Config, parameters: Iterable[Parameter]) -> Config:
    """The configuration after a change at run time; parameters that are not in the table (use_sim_time) are ignored.

    Raises:
        ConfigurationError: a value is of the wrong type or out of range.
    """
    rows = table(type(config))
    values = {p.name: rows[p.name].validated(p.value) for p in parameters if p.name in rows}
    return replace(config, **values)  # type: ignore[type-var]


def _spec(row: Field[Any]) -> ParameterSpec:
    return ParameterSpec(name=row.name, type=type(row.default), default=row.default, **row.metadata)


def _row(rows: Mapping[str, ParameterSpec], name: str) -> ParameterSpec:
    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ConfigurationError(f"unknown parameter {name}{hint} Known: {', '.join(rows)}")
    return rows[name]
