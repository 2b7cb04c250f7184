"""End to end: Unity's TCP protocol -> endpoint -> DDS -> perception_node, and back to Unity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import numpy as np
from conftest import Graph
from endpoint import MENDED, OURS, STOCK, Endpoint
from geometry_msgs.msg import PoseStamped
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from stand_ins import DEPTH_M, FRAME_ID, camera_info, header, picture, stand_in_pipeline
from std_msgs.msg import Header, String
from unity_client import UnityClient
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.conversions.images import image_message

pytestmark = pytest.mark.slow

RESULTS = "/objects/distances"
OBJECTS = "unity_depth_perception/ObjectDistanceArray"
START_S = 60.0
FRAME_NS = 33_000_000
PERIOD_S = 0.1
_TOPICS = {"/image_raw": "sensor_msgs/Image", "/camera_info": "sensor_msgs/CameraInfo"}
_POSE = {"/camera_pose": "geometry_msgs/PoseStamped"}

MakeNode = Callable[..., PerceptionNode]


class Unity:
    """A fake Unity that publishes frames and receives distances."""

    def __init__(self, graph: Graph, port: int, encoding: str = "rgb8", with_info: bool = True) -> None:
        self._graph, self._encoding, self._with_info = graph, encoding, with_info
        self.client = UnityClient(port)
        for topic, message_name in (_TOPICS | _POSE).items():
            self.client.register_publisher(topic, message_name)
        self.client.subscribe(RESULTS, OBJECTS)
        self.stamp_ns = 0  # Unity's Time.time begins near 0 with each Play

    def send_frame(self) -> None:
        """Send pose, camera_info and image of the next frame, serialized as Unity's scripts do."""
        self.stamp_ns += FRAME_NS
        pose = PoseStamped(header=header(self.stamp_ns))
        pose.pose.orientation.w = 1.0
        self._publish("/camera_pose", pose)
        if self._with_info:
            self._publish("/camera_info", camera_info(self.stamp_ns))
        self._publish("/image_raw", self._image())

    def play_until(self, condition: Callable[[], bool], what: str) -> None:
        """Send frames, no faster than the node processes them, until the condition holds."""
        next_s = time.monotonic()

        def played() -> bool:
            nonlocal next_s
            if not condition() and time.monotonic() >= next_s:
                self.send_frame()
                next_s = time.monotonic() + PERIOD_S
            return condition()

        self._graph.spin_until(played, what, START_S)

    def results(self) -> list[ObjectDistanceArray]:
        """Distances received over TCP."""
        return [deserialize_message(r.payload, ObjectDistanceArray) for r in self.client.received[RESULTS]]

    def play_until_results(self, count: int = 1) -> list[ObjectDistanceArray]:
        """Send frames until `count` more results have arrived; return these."""
        before = len(self.results())
        self.play_until(lambda: len(self.client.received[RESULTS]) >= before + count, "results over TCP")
        return self.results()[before:]

    def _publish(self, topic: str, message: Any) -> None:
        self.client.publish(topic, serialize_message(message))

    def _image(self) -> Image:
        pixels = picture()
        if self._encoding == "rgba8":
            pixels = np.dstack([pixels, np.zeros(pixels.shape[:2], np.uint8)])  # Unity renders with an alpha of 0
        return image_message(header(self.stamp_ns), pixels, self._encoding)


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, domain_id: int, tmp_path: Path) -> Iterator[Endpoint]:
    module = getattr(request, "param", OURS)
    if module != OURS:
        pytest.importorskip("ros_tcp_endpoint.server", reason="needs Unity's ros_tcp_endpoint, branch main-ros2")
    endpoint = Endpoint(domain_id, tmp_path / "endpoint.log", module)
    endpoint.start()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def make_unity(graph: Graph, endpoint: Endpoint) -> Iterator[Callable[..., Unity]]:
    made: list[Unity] = []

    def make(**options: Any) -> Unity:
        made.append(Unity(graph, endpoint.port, **options))
        return made[-1]

    yield make
    for unity in made:
        unity.client.close()


@pytest.fixture
def make_node(graph: Graph) -> MakeNode:
    def make(**parameters: Any) -> PerceptionNode:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = PerceptionNode(lambda _: stand_in_pipeline(), context=graph.context, parameter_overrides=overrides)
        assert graph.add(node).autostart()
        return node

    return make


def check(result: ObjectDistanceArray) -> None:
    """Expect one red cube at 2 m, with the header of an image sent over TCP."""
    assert result.header.frame_id == FRAME_ID
    assert stamp_ns_of(result.header) % FRAME_NS == 0
    assert [(o.category, o.bbox.x_offset, o.bbox.width) for o in result.objects] == [("red_cube", 10, 10)]
    assert result.objects[0].distance.median == pytest.approx(DEPTH_M)


@pytest.mark.parametrize("encoding", ["rgb8", "rgba8"])
def test_unity_receives_distances(make_unity: Callable[..., Unity], make_node: MakeNode, encoding: str) -> None:
    node = make_node()
    unity = make_unity(encoding=encoding)
    for result in unity.play_until_results(3):
        check(result)
    assert unity.client.handshake["version"].startswith("v0.7")
    assert node.counts["refused"] == 0 or "no intrinsics" in node.counts.last_reason  # before the first camera_info


def test_node_receives_poses_of_unity(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    node = make_node()
    unity = make_unity()

    def known() -> list[np.ndarray]:
        stamps_ns = range(FRAME_NS, unity.stamp_ns + 1, FRAME_NS)
        poses = [node._source.poses.lookup(Header(stamp=time_message(stamp_ns))) for stamp_ns in stamps_ns]
        return [pose for pose in poses if pose is not None]

    unity.play_until(lambda: bool(known()), "a pose of a frame")
    assert np.array_equal(known()[0], np.eye(4))


def test_field_of_view_replaces_missing_camera_info(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    make_node(vertical_fov_deg=60.0)
    check(make_unity(with_info=False).play_until_results()[0])


def test_node_reports_missing_intrinsics(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    node = make_node()
    unity = make_unity(with_info=False)
    unity.play_until(lambda: node.counts["refused"] > 0, "a refused frame")
    assert "waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg" in node.counts.last_reason
    assert unity.results() == []


def test_node_continues_after_play_restarts_and_stamps_jump_back(
    make_unity: Callable[..., Unity], make_node: MakeNode
) -> None:
    make_node()
    first = make_unity()
    last_ns = stamp_ns_of(first.play_until_results(5)[-1].header)
    first.client.close()
    second = make_unity()
    # The last results of the first run may still come.
    second.play_until(lambda: any(stamp_ns_of(r.header) < last_ns for r in second.results()), "results of the new run")
    check(second.results()[-1])


def test_node_continues_after_the_endpoint_restarts(
    make_unity: Callable[..., Unity], make_node: MakeNode, endpoint: Endpoint
) -> None:
    make_node()
    unity = make_unity()
    last_ns = stamp_ns_of(unity.play_until_results(2)[-1].header)
    endpoint.stop()
    unity.play_until(lambda: not unity.client.connected, "the client to notice")
    endpoint.start()
    results = unity.play_until_results(3)
    assert stamp_ns_of(results[-1].header) > last_ns
    check(results[-1])


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.long)], ids=["short", "long"])
def test_message_arrives_or_its_sender_knows_that_the_endpoint_is_dead(
    graph: Graph, endpoint: Endpoint, kills: int
) -> None:
    client, received = UnityClient(endpoint.port), list[String]()
    graph.node.create_subscription(String, "/text", received.append, 100)
    client.register_publisher("/text", "std_msgs/String", queue_size=100)

    def send(text: str) -> bool:
        return client.publish("/text", serialize_message(String(data=text)))

    def arrived(texts: set[str]) -> bool:
        return texts <= {message.data for message in received}

    try:
        for kill in range(kills):
            graph.spin_until(lambda kill=kill: send(f"{kill} probe") and arrived({f"{kill} probe"}), "a probe", START_S)
            texts = {f"{kill} {number}" for number in range(20)}
            assert all(send(text) for text in texts)
            graph.spin_until(lambda texts=texts: arrived(texts), "each message to arrive")
            endpoint.stop()
            lost = []
            for number in range(20):
                lost.append(not send(f"{kill} dead {number}"))
                graph.spin_for(0.02)
            assert sum(lost) >= 18  # TCP takes one or two before it knows
            endpoint.start()
    finally:
        client.close()


@pytest.mark.parametrize("endpoint", [STOCK, MENDED], indirect=True)
def test_unpatched_endpoint_works_too(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    make_node()
    check(make_unity().play_until_results()[0])


def test_unity_can_unsubscribe_and_subscribe_again(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    node = make_node()
    unity = make_unity()
    unity.play_until_results(2)
    unity.client.unsubscribe(RESULTS)
    unity.play_until(lambda: not node._result_publishers.has_subscribers, "the endpoint to unsubscribe")
    assert unity.client.connections == 1
    unity.client.subscribe(RESULTS, OBJECTS)
    check(unity.play_until_results(2)[-1])


def test_unity_still_receives_after_many_registrations(make_unity: Callable[..., Unity], make_node: MakeNode) -> None:
    """Each registration replaces a publisher or subscription while the endpoint's executor waits on it."""
    make_node()
    unity = make_unity()
    unity.play_until_results()
    for _ in range(10):
        unity.client.subscribe(RESULTS, OBJECTS)
        unity.client.register_publisher("/camera_pose", _POSE["/camera_pose"])
    check(unity.play_until_results(3)[-1])
