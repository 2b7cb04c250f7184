"""The command line of a node: `--help`, and arguments that nobody would heed, before a graph is joined."""

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
    """Answer `--help` with what the node does and its parameters; everything else is up to rclpy.

    Args:
        arguments: the program's name first; None: those of this process.

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
    """What stands before `--ros-args` or behind its closing `--`.

    rclpy's own filter takes `name:=value` out as well, as a remapping in the way of ROS 1: mostly a forgotten
    `--ros-args -p`.
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
    """One row of the table: name, type and default, then what it means and what it may be."""
    kind = {bool: "bool", int: "int", float: "float", str: "string", tuple: "list of strings"}[row.type]
    yield f"  {row.name}: {kind} = {_yaml(row.default)}"
    limits = f"; {row.allowed}" if row.choices or row.minimum is not None else ""
    when = "" if row.read_only else " (changes at run time too)"
    yield textwrap.indent(textwrap.fill(row.description + limits + when, _WIDTH - 6), " " * 6)


def _yaml(value: Any) -> str:
    """A value as `-p NAME:=VALUE` takes it."""
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else json.dumps(value)
