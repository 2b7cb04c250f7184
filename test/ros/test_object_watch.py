"""`unity-depth watch`: a live table over real DDS, as a person's terminal shows it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header
from terminal import unity_depth
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.ros.conversions.objects_and_clouds import objects_message
from unity_depth_perception.ros.object_watch import ObjectWatch

TOPIC = "/unity/perception/objects/distances"
OBJECTS = (
    ObjectDistance(
        0, "red_cube", (0, 0, 9, 9), DistanceStatistics(0.9, 0.9, 0.912, 0.871, 0.953), position_m=(0.1, -0.2, 0.912)
    ),
    ObjectDistance(1, "blue_parallelepiped", (2, 2, 4, 4), DistanceStatistics(median=1.5), parent_id=0, score=0.75),
)


def message() -> ObjectDistanceArray:
    return objects_message(Header(frame_id="unity_camera_optical"), OBJECTS, "compact", "compact")


def start_watch(domain_id: int, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id), "COLUMNS": "140"}
    command = [sys.executable, "-m", "unity_depth_perception.cli.main", "watch", *arguments]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True)


def printed(graph: Graph, watch: subprocess.Popen[str], every: object = None) -> str:
    """What the process wrote until it ended."""
    end = time.monotonic() + 40
    while watch.poll() is None and time.monotonic() < end:
        if callable(every):
            every()
        graph.spin_for(0.1)
    assert watch.poll() is not None, "it does not end"
    assert watch.stdout is not None
    return watch.stdout.read()


def test_watch_shows_what_is_published(graph: Graph) -> None:
    publisher = graph.node.create_publisher(ObjectDistanceArray, TOPIC, 5)
    watch = start_watch(graph.domain_id, "--seconds", "4")
    text = printed(graph, watch, lambda: publisher.publish(message()))
    assert watch.returncode == 0
    rows = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    assert "0 ■ red_cube 0.912 0.871 0.953 0.100 -0.200 0.912 floor 1.00" in rows
    assert "1 ■ blue_parallelepiped 1.500 - - - - - 0 red_cube 0.75" in rows
    assert re.search(r"\d\.\d frames/s, 0\.\d s old; positions in unity_camera_optical; compact \+ compact", text)


def test_watch_says_why_nothing_arrives(graph: Graph) -> None:
    graph.node.create_publisher(ObjectDistanceArray, "/elsewhere/distances", 5)
    watch = start_watch(graph.domain_id, "--seconds", "3")
    text = " ".join(printed(graph, watch).split())
    assert watch.returncode == 1
    assert f"Nobody publishes {TOPIC} in ROS domain {graph.domain_id} (discovery range LOCALHOST)." in text
    assert "Objects are published on /elsewhere/distances." in text


def test_watch_without_rclpy_says_so_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "unity_depth_perception.ros.object_watch", raising=False)
    monkeypatch.setitem(sys.modules, "rclpy", None)
    outcome = unity_depth("watch")
    assert outcome.returncode == 2
    assert "watch needs ROS 2's rclpy; `make setup` brings it along" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_ctrl_c_ends_watch_quietly(graph: Graph) -> None:
    watch = start_watch(graph.domain_id)
    name = f"unity_depth_watch_{watch.pid}"
    graph.spin_until(lambda: name in graph.node.get_node_names(), "the node of the command", 40)
    watch.send_signal(signal.SIGINT)
    printed(graph, watch)
    assert watch.returncode == 0


@pytest.mark.parametrize(("first", "code"), [("os.kill(os.getpid(), signal.SIGINT)", 0), ("pass", 1)])
def test_an_error_ends_watch_quietly_if_ctrl_c_became_it(domain_id: int, first: str, code: int) -> None:
    """As within the import of a native module or the conversion of a message."""
    script = f"""
import os, signal
from unity_depth_perception.ros.object_watch import watching
with watching("objects"):
    try:
        {first}
    except KeyboardInterrupt:
        pass
    raise ImportError("numpy._core.multiarray failed to import")
"""
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id)}
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stderr
    assert ("Traceback" in ended.stderr) == bool(code)


def test_reason_names_a_publisher_that_is_silent(graph: Graph) -> None:
    graph.node.create_publisher(ObjectDistanceArray, TOPIC, 5)
    watch = ObjectWatch(graph.node, TOPIC)
    graph.spin_until(lambda: "publishes" in watch.reason(), "discovery")
    assert watch.reason() == f"/test_client publishes {TOPIC}, but nothing arrives."


def test_best_effort_publisher_is_heard(graph: Graph) -> None:
    profile = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = graph.node.create_publisher(ObjectDistanceArray, TOPIC, profile)
    watch = ObjectWatch(graph.node, TOPIC)

    def arrived() -> bool:
        publisher.publish(message())
        return watch.frame is not None

    graph.spin_until(arrived, "objects")
    assert watch.frame is not None
    assert [item.category for item in watch.frame.objects] == [item.category for item in OBJECTS]


def test_message_with_an_impossible_object_is_a_reason(graph: Graph) -> None:
    publisher = graph.node.create_publisher(ObjectDistanceArray, TOPIC, 5)
    watch = ObjectWatch(graph.node, TOPIC)
    wrong = message()
    wrong.objects[0].bbox.width = 0

    def refused() -> bool:
        publisher.publish(wrong)
        return "cannot be read" in watch.reason()

    graph.spin_until(refused, "the refusal")
    assert watch.frame is None
