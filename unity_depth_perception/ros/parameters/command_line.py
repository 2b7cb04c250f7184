"""Command line of a node: `--help` and refusal of unknown arguments, before the node joins the ROS graph."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rclpy.utilities import remove_ros_args

from unity_depth_perception.ros.parameters.spec import ParameterSpec

_WIDTH = 100
_USAGE = "%(prog)s [-h] [--ros-args [-p NAME:=VALUE] [--params-file FILE] [-r FROM:=TO] ...]"
_HOW_TO_SET = "parameters, set by --ros-args -p NAME:=VALUE or --ros-args --params-file FILE:"


def check_arguments(
    name: str, what: str, parameters: Iterable[ParameterSpec], arguments: Sequence[str] | None = None
) -> None:
    """Print the help for `--help`, refuse arguments that rclpy would ignore; valid ROS arguments are left to rclpy.

    Args:
        name: name of the executable.
        what: one line on what the node does.
        parameters: the rows of its parameter table.
        arguments: command line with the program's name first; None: that of this process.

    Raises:
        SystemExit: 0 after the help; 2 with a message on stderr where an argument is unknown or malformed.
    """
    given = sys.argv if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog=name,
        usage=_USAGE,
        description=what,
        epilog="\n".join([_HOW_TO_SET, *(line for row in parameters for line in _described(row))]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(list(_outside_ros(given[1:])))
    try:
        remove_ros_args(given)
    except RuntimeError as error:  # rclpy's own errors for them have no public name
        parser.error(f"malformed ROS arguments: {str(error).partition(', at /')[0]}")


def _outside_ros(arguments: Sequence[str]) -> Iterator[str]:
    """Arguments before `--ros-args` and after its closing `--`.

    rclpy's own filter also removes `name:=value`, a remapping of ROS 1 style; usually `--ros-args -p` was forgotten.
    """
    of_ros = False
    for argument in arguments:
        if argument == "--ros-args":
            of_ros = True
        elif of_ros:
            of_ros = argument != "--"
        else:
            yield argument


def _described(row: ParameterSpec) -> Iterator[str]:
    """Help lines of a parameter: name, type and default, then description and allowed values."""
    kind = {bool: "bool", int: "int", float: "float", str: "string", tuple: "list of strings"}[row.type]
    yield f"  {row.name}: {kind} = {yaml_of(row.default)}"
    limits = f"; {row.allowed}" if row.choices or row.minimum is not None else ""
    when = "" if row.read_only else " (changes at run time too)"
    yield textwrap.indent(textwrap.fill(row.description + limits + when, _WIDTH - 6), " " * 6)


def yaml_of(value: Any) -> str:
    """A value in the form that `-p NAME:=VALUE` accepts."""
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else json.dumps(value)
