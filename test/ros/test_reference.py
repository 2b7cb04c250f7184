"""docs/reference is what the code says: every parameter, topic, option and message, each with a description."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import typer
import write_reference
from conftest import Graph
from rclpy.parameter import Parameter
from stand_ins import CPU, ConstantDepth, RedSegmenter, stand_in_pipeline

from unity_depth_perception.cli.main import app
from unity_depth_perception.models.null_models import NullDepth, NullSegmenter
from unity_depth_perception.nodes.depth_node import DepthNode
from unity_depth_perception.nodes.distance_node import DistanceNode
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.nodes.segmentation_node import SegmentationNode
from unity_depth_perception.nodes.virtual_unity_node import VirtualUnityNode
from unity_depth_perception.pipeline import PerceptionPipeline

OF_RCLPY = {"rosout", "parameter_events", "clock"}
MAKERS = {
    "perception_node": lambda **k: PerceptionNode(lambda _: stand_in_pipeline(), **k),
    "depth_node": lambda **k: DepthNode(lambda _: PerceptionPipeline(ConstantDepth(), NullSegmenter(CPU)), **k),
    "segmentation_node": lambda **k: SegmentationNode(
        lambda _: PerceptionPipeline(NullDepth(CPU), RedSegmenter()), **k
    ),
    "distance_node": DistanceNode,
    "virtual_unity_node": VirtualUnityNode,
}


@pytest.mark.parametrize("name", ["parameters.md", "topics.md", "messages.md", "command_line.md"])
def test_page_is_what_the_code_says(name: str) -> None:
    page = (write_reference.FOLDER / name).read_text(encoding="utf-8")
    assert page == write_reference.pages()[name], "run .venv/bin/python scripts/write_reference.py"


def test_every_parameter_of_every_executable_is_described() -> None:
    tables = write_reference.node_tables()
    assert {"perception_node", "unity_endpoint", "view_node", "virtual_unity_node"} < tables.keys()
    bare = [f"{name}.{p.name}" for name, node in tables.items() for p in node.parameters if len(p.description) < 10]
    assert bare == []


def test_every_option_of_the_command_line_is_described() -> None:
    bare = [
        f"{name} {option.name}"
        for name, command in write_reference.commands_of(typer.main.get_command(app), "unity-depth")
        for option in write_reference.options_of(command)
        if not option.help
    ]
    assert bare == []


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_topics_of_a_running_node_are_on_the_page(graph: Graph, name: str) -> None:
    """Also with the other image transport, which has a topic of its own."""
    section = write_reference.topics_page().partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    transports = [[Parameter("image_transport", value=value)] for value in ("raw", "compressed")]
    real = set()
    for parameters in transports if name != "distance_node" else [[]]:
        real |= _topics(graph, name, parameters)
    listed = {line.split("`")[1].lstrip("/") for line in section.splitlines() if line.startswith(("| in", "| out"))}
    assert listed | {"diagnostics"} == real


def _topics(graph: Graph, name: str, overrides: list[Parameter]) -> set[str]:
    small = [Parameter("width", value=64), Parameter("height", value=48)] if name == "virtual_unity_node" else []
    node: Any = graph.add(MAKERS[name](context=graph.context, parameter_overrides=[*overrides, *small]))
    assert node.autostart()
    if hasattr(node, "_source"):
        node._source.resume()  # nobody watches, so images are not subscribed to
    found = {topic.topic_name.lstrip("/") for topic in [*node.publishers, *node.subscriptions]}
    graph.executor.remove_node(node)
    node.tear_down()
    node.destroy_node()
    return {topic for topic in found if topic not in OF_RCLPY and not topic.endswith("/transition_event")}
