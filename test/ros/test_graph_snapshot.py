"""Findings of the doctor about a ROS graph, and the snapshot of a running graph with faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from stand_ins import HEIGHT, WIDTH, header, image, stand_in_pipeline
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM
from unity_depth_perception.cli.doctor.graph_checks import check_images, check_nodes, check_qos, check_silent_topics
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.graph_snapshot import GraphSnapshot, Status, Topic, TopicEndpoint, take_snapshot

NODE, IMAGE, INFO = "/unity/perception_node", "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
RELIABLE, BEST_EFFORT = (
    TopicEndpoint("/unity/camera", "RELIABLE", "VOLATILE"),
    TopicEndpoint("/unity/camera", "BEST_EFFORT", "VOLATILE"),
)
LATCHED = TopicEndpoint("/unity/camera", "RELIABLE", "TRANSIENT_LOCAL")
HEARS = TopicEndpoint(NODE, "RELIABLE", "VOLATILE")


def snapshot(
    *topics: Topic, level: int = 0, text: str = "processing", images: Any = None, **values: str
) -> GraphSnapshot:
    return GraphSnapshot(7, topics, {f"{NODE}: frames": Status(level, text, values)}, images or {}, {})


def topic(name: str, kind: str, publishers: tuple[TopicEndpoint, ...], *subscriptions: TopicEndpoint) -> Topic:
    return Topic(name, kind, publishers, subscriptions or (HEARS,))


@pytest.mark.parametrize(("level", "state"), [(0, OK), (1, NOTE), (2, PROBLEM), (3, PROBLEM)])
def test_finding_of_a_node_has_its_own_diagnostics(level: int, state: str) -> None:
    [finding] = check_nodes(snapshot(level=level, received="9", processed="7", **{"last reason": "too small"}))
    assert finding == (NODE, state, "processing; received 9, processed 7; last refused: too small")


def test_graph_without_nodes_of_this_package_is_a_problem() -> None:
    [finding] = check_nodes(GraphSnapshot(7, (), {"/motor: temperature": Status(0, "", {})}, {}, {}))
    assert finding.state == PROBLEM
    assert "domain 7" in finding.detail


def test_image_topic_without_publisher_is_a_problem_that_names_alternatives() -> None:
    other = topic("/camera/image", IMAGE, (RELIABLE,), TopicEndpoint("/rviz", "RELIABLE", "VOLATILE"))
    [finding] = check_silent_topics(snapshot(topic("/unity/image_raw", IMAGE, ()), other))
    assert (finding.subject, finding.state) == ("/unity/image_raw", PROBLEM)
    assert finding.detail == "nobody publishes it; published with this type: /camera/image"


def test_camera_info_topic_without_publisher_is_a_note() -> None:
    [finding] = check_silent_topics(snapshot(topic("/camera_info", INFO, ()), topic("/image_raw", IMAGE, (RELIABLE,))))
    assert (finding.subject, finding.state) == ("/camera_info", NOTE)


def test_topics_of_other_nodes_are_ignored() -> None:
    assert (
        check_silent_topics(snapshot(topic("/their/image", IMAGE, (), TopicEndpoint("/rviz", "RELIABLE", "VOLATILE"))))
        == []
    )


@pytest.mark.parametrize(
    ("publisher", "subscription", "why"),
    [
        (BEST_EFFORT, HEARS, "best effort"),
        (RELIABLE, TopicEndpoint(NODE, "RELIABLE", "TRANSIENT_LOCAL"), "volatile"),
        (RELIABLE, HEARS, None),
        (LATCHED, HEARS, None),
        (RELIABLE, TopicEndpoint(NODE, "BEST_EFFORT", "VOLATILE"), None),
    ],
)
def test_incompatible_qos_is_a_problem(publisher: TopicEndpoint, subscription: TopicEndpoint, why: str | None) -> None:
    findings = check_qos(snapshot(topic("/image_raw", IMAGE, (publisher,), subscription)))
    if why is None:
        assert findings == []
    else:
        assert findings[0].state == PROBLEM
        assert why in findings[0].detail
        assert NODE in findings[0].detail


def judged(pixels: np.ndarray, seen: Callable[[np.ndarray], float] = lambda _: 1.0) -> tuple[str, str]:
    [finding] = check_images(snapshot(images={"/image_raw": pixels}), seen)
    return finding.state, finding.detail


@pytest.mark.parametrize(
    ("value", "state", "said"), [(255, PROBLEM, "over-exposed"), (0, PROBLEM, "black"), (120, OK, "120")]
)
def test_over_exposed_and_black_images_are_problems(value: int, state: str, said: str) -> None:
    found = judged(np.full((HEIGHT, WIDTH, 3), value, np.uint8))
    assert found[0] == state
    assert said in found[1]


def test_image_with_more_detections_upside_down_is_reported_as_flipped() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    pixels[0] = 200  # what belongs to the bottom is at the top
    state, detail = judged(pixels, lambda image: float(image[-1].mean() > 100))
    assert state == NOTE
    assert "flip_vertical" in detail
    assert judged(pixels[::-1], lambda image: float(image[-1].mean() > 100))[0] == OK


def test_image_that_cannot_be_converted_is_a_problem() -> None:
    seen = GraphSnapshot(7, (), {}, {}, {"/image_raw": "expected an encoding"})
    assert check_images(seen, lambda _: 1.0) == [("/image_raw", PROBLEM, "expected an encoding")]


@pytest.fixture
def spinning(graph: Graph) -> Iterator[Graph]:
    """The test's graph, spun by a thread while the snapshot is taken."""
    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            graph.executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    yield graph
    done.set()
    thread.join()


def test_snapshot_of_a_running_graph_has_nodes_topics_and_images(graph: Graph, spinning: Graph) -> None:
    node = graph.add(PerceptionNode(lambda _: stand_in_pipeline(), context=graph.context, namespace="/unity"))
    assert node.autostart()
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = graph.node.create_publisher(Image, "/unity/image_raw", QoSProfile(depth=5))
    graph.node.create_publisher(CameraInfo, "/elsewhere/camera_info", 1)
    graph.node.create_publisher(ObjectDistanceArray, "/unity/clash", best_effort)
    graph.node.create_subscription(ObjectDistanceArray, "/unity/clash", lambda _: None, QoSProfile(depth=1))
    graph.node.create_timer(0.2, lambda: images.publish(image()))
    seen = take_snapshot(8.0, graph.domain_id)
    assert seen.nodes == [NODE]
    assert seen.images["/unity/image_raw"].shape == (HEIGHT, WIDTH, 3)
    silent = {finding.subject: finding for finding in check_silent_topics(seen)}
    assert silent["/unity/camera_info"].state == NOTE
    assert "/elsewhere/camera_info" in silent["/unity/camera_info"].detail
    assert "/unity/image_raw" not in silent
    assert [finding.subject for finding in check_qos(seen)] == ["/unity/clash"]
    assert check_nodes(seen)[0].subject == NODE


def test_snapshot_tells_why_an_image_cannot_be_converted(graph: Graph, spinning: Graph) -> None:
    node = graph.add(PerceptionNode(lambda _: stand_in_pipeline(), context=graph.context))
    assert node.autostart()
    images = graph.node.create_publisher(Image, "image_raw", QoSProfile(depth=5))
    broken = image_message(header(), np.zeros((4, 4), np.uint8), "mystery")
    graph.node.create_timer(0.2, lambda: images.publish(broken))
    assert "mystery" in take_snapshot(6.0, graph.domain_id).unreadable["/image_raw"]
