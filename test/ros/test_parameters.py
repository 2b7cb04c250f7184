"""Parameter tables: the shipped file matches, and invalid values are refused with the allowed ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import yaml
from conftest import Graph
from rclpy.exceptions import ParameterImmutableException
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ros.parameters.node_tables import (
    DepthConfig,
    DistanceConfig,
    PerceptionConfig,
    SegmentationConfig,
)
from unity_depth_perception.ros.parameters.spec import config_from, table
from unity_depth_perception.ros.parameters.virtual_unity_table import VirtualUnityConfig
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode

SHIPPED = Path(__file__).parents[2] / "config" / "perception.yaml"


def test_shipped_file_has_every_parameter_with_a_valid_value() -> None:
    values = yaml.safe_load(SHIPPED.read_text())["/**"]["ros__parameters"]
    assert set(values) == set(table(PerceptionConfig))
    config_from(PerceptionConfig, values)


@pytest.mark.parametrize(
    "config_type", [PerceptionConfig, DepthConfig, SegmentationConfig, DistanceConfig, VirtualUnityConfig]
)
def test_every_parameter_has_a_description_and_a_valid_default(config_type: type[Any]) -> None:
    for name, spec in table(config_type).items():
        assert len(spec.description) > 10, name
        assert spec.validated(spec.default) == spec.default


def test_integer_is_accepted_for_a_float_parameter() -> None:
    value = config_from(PerceptionConfig, {"vertical_fov_deg": 60}).vertical_fov_deg
    assert (value, type(value)) == (60.0, float)


@pytest.mark.parametrize("value", [0.0, 179.0])
def test_range_of_a_parameter_is_inclusive(value: float) -> None:
    assert config_from(PerceptionConfig, {"vertical_fov_deg": value}).vertical_fov_deg == value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"depht_model": "compact"}, "unknown parameter depht_model; did you mean depth_model"),
        ({"zzz": 1}, "unknown parameter zzz. Known: autostart, device"),
        ({"vertical_fov_deg": 179.5}, "vertical_fov_deg: expected a number from 0.0 to 179.0, got 179.5"),
        ({"vertical_fov_deg": math.nan}, "vertical_fov_deg: expected a number from 0.0 to 179.0, got nan"),
        ({"vertical_fov_deg": "60"}, "vertical_fov_deg: expected a number .*got '60'"),
        ({"depth_encoding": "32FC2"}, "depth_encoding: expected one of 32FC1, 16UC1, got '32FC2'"),
        ({"autostart": 1}, "autostart: expected true or false, got 1"),
        (
            {"outputs": ["objects/distances", "points"]},
            r"outputs: expected a list of one or more of objects.*'points'",
        ),
        ({"outputs": []}, "outputs: expected a list of one or more of"),
        ({"outputs": "depth/points"}, "outputs: expected a list .*got 'depth/points'"),
        ({"min_score": 1.01}, "min_score: expected a number from 0.0 to 1.0, got 1.01"),
        ({"depth_model": 3}, "depth_model: expected a string, got 3"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_invalid_value_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        config_from(PerceptionConfig, values)


def test_node_applies_overrides_and_declares_descriptions(graph: Graph) -> None:
    node = configured_node(graph, vertical_fov_deg=60, depth_encoding="16UC1")
    assert (node.config.vertical_fov_deg, node.config.depth_encoding) == (60.0, "16UC1")
    assert node.get_parameter("vertical_fov_deg").value == 60.0
    described = node.describe_parameter("vertical_fov_deg")
    assert (described.floating_point_range[0].to_value, described.read_only) == (179.0, True)


def test_node_refuses_an_unknown_override(graph: Graph) -> None:
    with pytest.raises(ConfigurationError, match="unknown parameter vertical_fov; did you mean vertical_fov_deg"):
        configured_node(graph, vertical_fov=60.0)


def test_parameters_change_at_run_time_only_within_their_range(graph: Graph) -> None:
    node = configured_node(graph)
    (result,) = node.set_parameters([Parameter("depth_encoding", value="mono8")])
    assert not result.successful
    assert "expected one of 32FC1, 16UC1, got 'mono8'" in result.reason
    assert node.set_parameters([Parameter("depth_encoding", value="16UC1")])[0].successful
    assert node.config.depth_encoding == "16UC1"


def test_read_only_parameters_cannot_change_at_run_time(graph: Graph) -> None:
    node = configured_node(graph)
    (result,) = node.set_parameters([Parameter("depth_model", value="other")])
    assert not result.successful
    assert "read-only" in result.reason
    assert node.config.depth_model == "compact"
    with pytest.raises(ParameterImmutableException):
        node.undeclare_parameter("depth_model")


def test_rclpy_alone_ignores_unknown_overrides(graph: Graph) -> None:
    """The reason why `declare` checks overrides; if this fails, rclpy checks them itself."""
    override = [Parameter("no_such_parameter", value=1)]
    graph.add(LifecycleNode("plain", context=graph.context, parameter_overrides=override))


def configured_node(graph: Graph, **values: Any) -> ConfiguredNode[PerceptionConfig]:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return graph.add(ConfiguredNode("node", PerceptionConfig, context=graph.context, parameter_overrides=overrides))
