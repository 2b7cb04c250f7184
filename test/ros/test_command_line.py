"""Command line of the nodes: help, and refusal of unknown arguments, without starting the node."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import rclpy

from unity_depth_perception.nodes import (
    depth_node,
    distance_node,
    perception_node,
    segmentation_node,
    unity_endpoint,
    view_node,
    virtual_unity_node,
)
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.node_tables import (
    DepthConfig,
    DistanceConfig,
    PerceptionConfig,
    SegmentationConfig,
)
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.parameters.view_table import ViewConfig
from unity_depth_perception.ros.parameters.virtual_unity_table import VirtualUnityConfig

NODES = {
    depth_node: DepthConfig,
    distance_node: DistanceConfig,
    perception_node: PerceptionConfig,
    segmentation_node: SegmentationConfig,
    view_node: ViewConfig,
    virtual_unity_node: VirtualUnityConfig,
}

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Call a node's main with arguments; return exit code, stdout and stderr with white space folded."""

    def call(node: ModuleType, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            node.main(["program", *arguments])
        assert not rclpy.ok(), "a graph has been joined"
        printed = capsys.readouterr()
        return int(str(ended.value.code)), " ".join(printed.out.split()), " ".join(printed.err.split())

    return call


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__.rpartition(".")[2])
def test_help_describes_the_node_and_every_parameter(said: Said, node: ModuleType) -> None:
    code, out, err = said(node, "--help")
    assert (code, err) == (0, "")
    assert node.__doc__ in out
    assert "--ros-args -p NAME:=VALUE" in out
    for name, row in table(NODES[node]).items():
        assert f" {name}: " in out
        assert row.description in out


def test_help_gives_types_defaults_and_limits(said: Said) -> None:
    out = said(perception_node, "-h")[1]
    assert "autostart: bool = true configure" in out
    assert 'depth_model: string = "compact" depth back end' in out
    assert "depth_size_px: int = 0 side" in out
    assert "min_score: float = 0.0 objects with a lower score are left out; a number from 0.0 to 1.0 (changes" in out
    assert "outputs: list of strings = [objects/distances, objects/detections_2d, " in out
    assert "one of 32FC1, 16UC1" in out


def test_unity_endpoint_prints_help_without_ros_tcp_endpoint(said: Said) -> None:
    code, out, _ = said(unity_endpoint, "--help")
    assert code == 0
    assert "ROS_TCP_PORT: int = 10000" in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--verbose"], "unrecognized arguments: --verbose"),
        (["depth_model:=compact"], "unrecognized arguments: depth_model:=compact"),
        (["--ros-args", "-p", "min_score:=0.5", "--", "rest"], "unrecognized arguments: rest"),
        (["--ros-args", "-p", "min_score"], "malformed ROS arguments: .*-p min_score"),
        (["--ros-args", "--params-file", "/no/such.yaml"], "malformed ROS arguments: .*/no/such.yaml"),
        (["--ros-args", "--verbose"], "malformed ROS arguments: .*--verbose"),
    ],
)
@pytest.mark.parametrize("node", [perception_node, virtual_unity_node, unity_endpoint])
def test_argument_that_rclpy_would_ignore_is_refused(
    said: Said, node: ModuleType, arguments: list[str], named: str
) -> None:
    code, out, err = said(node, *arguments)
    assert (code, out) == (2, "")
    assert re.search(named, err), err


@pytest.mark.parametrize(
    "arguments",
    [
        ["program"],
        ["program", "--ros-args"],
        ["program", "--ros-args", "-r", "__node:=eyes", "-r", "image_raw:=/camera", "-p", "min_score:=0.5"],
        ["program", "--ros-args", "--log-level", "debug", "--", "--ros-args", "-r", "__ns:=/robot"],
    ],
)
def test_valid_ros_arguments_are_left_to_rclpy(arguments: list[str]) -> None:
    check_arguments("program", "", [], arguments)
