"""view_node over real DDS: Foxglove's protocol read by another implementation, and the page's own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")
pytest.importorskip("foxglove", reason="needs foxglove-sdk, of the extra [view]")
pytest.importorskip("websockets", reason="needs websockets, of the extra [view]")
pytest.importorskip("google.protobuf", reason="needs protobuf, to read Foxglove's messages")

from conftest import Graph
from endpoint import free_port
from foxglove_client import FoxgloveClient
from geometry_msgs.msg import Point, TransformStamped
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, PointCloud2
from stand_ins import DEPTH_M, FRAME_ID, camera, picture, stand_in_pipeline
from tf2_msgs.msg import TFMessage
from unity_depth_perception.msg import ObjectDistanceArray
from visualization_msgs.msg import Marker, MarkerArray
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.core.visible_box import visible_box
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.nodes.view_node import ViewNode
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.images import depth_message, image_message
from unity_depth_perception.ros.conversions.markers import markers_message
from unity_depth_perception.ros.conversions.objects_and_clouds import cloud_message, distances_message
from unity_depth_perception.ros.topics.qos import LATCHED_QOS, OUTPUT_QOS

START_S = 120.0  # of three nodes with models, on a busy machine
STAMP_NS = 3_000_000_007
SCHEMAS = {
    "/image_raw": "foxglove.CompressedImage",
    "/debug/overlay": "foxglove.CompressedImage",
    "/depth/image_rect": "foxglove.RawImage",
    "/depth/camera_info": "foxglove.CameraCalibration",
    "/depth/points": "foxglove.PointCloud",
    "/reconstruction/points": "foxglove.PointCloud",
    "/objects/markers": "foxglove.SceneUpdate",
    "/tf": "foxglove.FrameTransforms",
    "/tf_static": "foxglove.FrameTransforms",
    "/objects/distances": "unity_depth_perception/ObjectDistances",
    "/diagnostics": "diagnostic_msgs/DiagnosticArray",
}


@pytest.fixture
def result() -> PerceptionResult:
    return stand_in_pipeline().process(Frame(picture(), camera(), STAMP_NS, FRAME_ID))


@pytest.fixture
def node(graph: Graph) -> Iterator[ViewNode]:
    ports = [Parameter(name, value=0) for name in ("foxglove_port", "page_port")]
    node = graph.add(ViewNode(context=graph.context, parameter_overrides=ports))
    assert node.autostart()
    yield node
    node.tear_down()


@pytest.fixture
def viewer(graph: Graph, node: ViewNode) -> Iterator[FoxgloveClient]:
    client = FoxgloveClient(node.bridge.foxglove.port)
    graph.spin_until(lambda: client.poll() or len(client.channels) == len(SCHEMAS), "the channels")
    yield client
    client.close()


def browser(node: ViewNode, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{node.bridge.page.port}/live", max_size=None, **options)


def see(graph: Graph, viewer: FoxgloveClient, kind: type[Any], topic: str, message: Any) -> Any:
    """Publish a message until the viewer has it."""
    publisher = graph.node.create_publisher(kind, topic, OUTPUT_QOS)
    viewer.subscribe(topic)

    def arrived() -> bool:
        publisher.publish(message)
        viewer.poll()
        return topic in viewer.received

    graph.spin_until(arrived, topic)
    return viewer.received[topic][-1]


def test_schemas_are_foxgloves_own_and_valid(viewer: FoxgloveClient) -> None:
    assert viewer.subprotocol == "foxglove.sdk.v1"
    assert {topic: channel["schemaName"] for topic, channel in viewer.channels.items()} == SCHEMAS
    for topic, channel in viewer.channels.items():
        if channel["encoding"] == "protobuf":
            assert viewer.message_type(topic)().DESCRIPTOR.full_name == SCHEMAS[topic]
        else:
            assert json.loads(channel["schema"])["title"] == SCHEMAS[topic]


def test_cloud_is_that_of_the_topic(graph: Graph, viewer: FoxgloveClient, result: PerceptionResult) -> None:
    sent = cloud_message(result)
    seen = see(graph, viewer, PointCloud2, "/depth/points", sent)
    points = np.frombuffer(seen.data, np.uint8).reshape(*result.depth.depth_m.shape, 16)
    assert (points[..., :15] == np.array(sent.data, np.uint8).reshape(points.shape)[..., :15]).all()
    assert (points[..., 15] == 255).all()
    assert (seen.point_stride, seen.frame_id) == (sent.point_step, FRAME_ID)
    assert seen.timestamp.ToNanoseconds() == STAMP_NS
    names = [(field.name, field.offset) for field in seen.fields]
    assert names == [("x", 0), ("y", 4), ("z", 8), ("blue", 12), ("green", 13), ("red", 14), ("alpha", 15)]
    assert (points[..., 14:11:-1] == result.rgb.cpu().numpy()).all()


def test_layout_shows_topics_that_the_node_serves() -> None:
    """Foxglove itself is not run."""
    text = (Path(__file__).parents[2] / "config" / "foxglove_layout.json").read_text(encoding="utf-8")
    topics = set(re.findall(r'"/unity/perception(/[a-z_0-9/]+)', text)) | set(re.findall(r'"(/diagnostics)"', text))
    assert topics
    assert topics <= SCHEMAS.keys()
    layout = json.loads(text)
    assert set(re.findall(r'"(?:first|second)": "([^"]+)"', text)) == layout["configById"].keys()


def test_boxes_are_those_of_the_json(graph: Graph, viewer: FoxgloveClient, result: PerceptionResult) -> None:
    seen = see(graph, viewer, MarkerArray, "/objects/markers", markers_message(result))
    sent = deserialize_message(serialize_message(distances_message(result)), ObjectDistanceArray)  # float32
    table = see(graph, viewer, ObjectDistanceArray, "/objects/distances", sent)
    (item,) = result.objects
    (entry,) = table["objects"]
    assert table["nearest_m"] == {"red_cube": DEPTH_M}
    assert entry == objects_of(sent)[0].to_json()
    box = visible_box(item, camera())
    by_id = {entity.id: entity for entity in seen.entities}
    (cube,), (text,) = by_id["boxes/0"].cubes, by_id["labels/0"].texts
    assert [getattr(cube.pose.position, axis) for axis in "xyz"] == pytest.approx(box.center)
    assert [getattr(cube.size, axis) for axis in "xyz"] == pytest.approx([max(size, 1e-3) for size in box.size])
    assert text.text == f"{entry['category']} {entry['distance']['median']:.2f} m"
    assert [deletion.type for deletion in seen.deletions] == [1]  # all entities of the frame before


@pytest.mark.parametrize("end", [(1.0, 2.0, 3.0), (-0.5, 0.2, 0.1), (0.0, 0.2, 0.1), (0.5, 0.2, 0.1), (0.0, 0.2, 2.0)])
def test_arrow_to_the_parent_leads_from_start_to_end(
    graph: Graph, viewer: FoxgloveClient, end: tuple[float, float, float]
) -> None:
    start = np.array([0.0, 0.2, 0.1])
    marker = Marker(ns="parents", id=0, type=Marker.ARROW, points=[Point(x=x, y=y, z=z) for x, y, z in (start, end)])
    marker.scale.x, marker.scale.y = 0.01, 0.02
    seen = see(graph, viewer, MarkerArray, "/objects/markers", MarkerArray(markers=[marker]))
    (arrow,) = seen.entities[0].arrows
    position, turn = arrow.pose.position, arrow.pose.orientation
    assert [position.x, position.y, position.z] == pytest.approx(start)
    rotation = matrix_from_pose((0, 0, 0), (turn.x, turn.y, turn.z, turn.w))[:3, :3]
    length_m = arrow.shaft_length + arrow.head_length
    assert start + rotation @ (length_m, 0, 0) == pytest.approx(end, abs=1e-6)


def test_depth_is_unchanged_and_a_picture_is_a_jpeg(
    graph: Graph, viewer: FoxgloveClient, result: PerceptionResult
) -> None:
    header = header_of(result)
    depth = see(graph, viewer, Image, "/depth/image_rect", depth_message(header, result.depth.depth_m, "32FC1"))
    assert (np.frombuffer(depth.data, np.float32) == DEPTH_M).all()
    rgb = result.rgb.cpu().numpy()
    seen = see(graph, viewer, Image, "/debug/overlay", image_message(header, rgb, "rgb8"))
    decoded = cv2.imdecode(np.frombuffer(seen.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert seen.format == "jpeg"
    assert np.abs(decoded.astype(int) - rgb).mean() < 4


def test_frames_are_those_of_tf(graph: Graph, viewer: FoxgloveClient) -> None:
    sent = TransformStamped(child_frame_id="camera")
    sent.header.frame_id = "world"
    sent.transform.translation.z = 1.5
    publisher = graph.node.create_publisher(TFMessage, "/tf_static", LATCHED_QOS)
    publisher.publish(TFMessage(transforms=[sent]))  # before anybody looks
    viewer.subscribe("/tf_static")
    graph.spin_until(lambda: viewer.poll() or "/tf_static" in viewer.received, "the static frame")
    (seen,) = viewer.received["/tf_static"][0].transforms
    assert (seen.parent_frame_id, seen.child_frame_id) == ("world", "camera")
    assert (seen.translation.z, seen.rotation.w) == (1.5, 1.0)


def test_topic_is_subscribed_only_while_somebody_looks(graph: Graph, node: ViewNode, viewer: FoxgloveClient) -> None:
    graph.spin_for(0.2)
    assert node.bridge.subscribed == []
    viewer.subscribe("/depth/points")
    graph.spin_until(lambda: node.bridge.subscribed == ["/depth/points"], "the subscription")
    viewer.unsubscribe("/depth/points")
    graph.spin_until(lambda: node.bridge.subscribed == [], "the end of the subscription")
    with browser(node):
        page_topics = ["/debug/overlay", "/diagnostics", "/objects/distances"]
        graph.spin_until(lambda: node.bridge.subscribed == page_topics, "the page's subscriptions")
    graph.spin_until(lambda: node.bridge.subscribed == [], "the end of the page's subscriptions")
    viewer.subscribe("/tf")
    graph.spin_until(lambda: node.bridge.subscribed == ["/tf"], "the subscription to tf")
    viewer.close()
    graph.spin_until(lambda: node.bridge.subscribed == [], "the end with the connection")


def test_page_shows_objects_and_the_newest_picture_when_it_asks(
    graph: Graph, node: ViewNode, result: PerceptionResult
) -> None:
    objects = graph.node.create_publisher(ObjectDistanceArray, "objects/distances", OUTPUT_QOS)
    pictures = graph.node.create_publisher(Image, "debug/overlay", OUTPUT_QOS)
    page = node.bridge.page
    with browser(node) as client:
        graph.spin_until(lambda: pictures.get_subscription_count() == 1 == objects.get_subscription_count(), "the page")
        objects.publish(distances_message(result))
        for brightness in (10, 90, 200):
            pixels = np.full((48, 64, 3), brightness, np.uint8)
            pictures.publish(image_message(header_of(result), pixels, "rgb8"))
            graph.spin_until(lambda: page._content["picture"] is not None, "the picture")
            graph.spin_for(0.1)
        assert page.encoded == 0  # nobody has asked
        client.send("next")
        update = json.loads(client.recv(timeout=5))
        assert [item["category"] for item in update["objects"]["objects"]] == ["red_cube"]
        assert update["objects"]["objects"][0]["colour"] == "#de5214"
        jpeg = cv2.imdecode(np.frombuffer(client.recv(timeout=5), np.uint8), cv2.IMREAD_COLOR)
        assert abs(int(jpeg.mean()) - 200) <= 1
        assert page.encoded == 1
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.2)  # the next update follows the next request


def test_page_says_why_nothing_arrives(graph: Graph, node: ViewNode) -> None:
    with browser(node) as client:
        client.send("next")
        texts: list[str] = []

        def told() -> bool:
            try:
                texts.append(json.loads(client.recv(timeout=0.01)).get("status", ""))
                client.send("next")
            except TimeoutError:
                return False
            return any("Nobody publishes /objects/distances" in text for text in texts)

        graph.spin_until(told, "the reason")
    graph.spin_until(lambda: node.bridge.subscribed == [], "the end of a page that was waiting for news")


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")]
)
def test_page_is_served_and_names_no_other_machine(node: ViewNode, path: str, kind: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.bridge.page.port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 200
    assert response.getheader("Content-Type", "").startswith(kind)
    assert "default-src 'self'" in response.getheader("Content-Security-Policy", "")
    assert "http:" not in text
    assert "https:" not in text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/../setup.cfg", {}, 404),
        ("/%2e%2e/page_server.py", {}, 404),
        ("/", {"Host": "evil.example"}, 403),
        ("/", {"Origin": "http://evil.example"}, 403),
    ],
)
def test_page_refuses_other_paths_and_other_sites(
    node: ViewNode, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.bridge.page.port, timeout=5)
    connection.request("GET", path, headers=headers)
    assert connection.getresponse().status == status


def test_script_of_another_site_cannot_watch(node: ViewNode) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        browser(node, origin="http://evil.example")


def test_recording_holds_what_foxglove_would_see(graph: Graph, result: PerceptionResult, tmp_path: Path) -> None:
    reader = pytest.importorskip("mcap.reader", reason="needs mcap, to read the recording")
    path = tmp_path / "live.mcap"
    ports = [Parameter(name, value=0) for name in ("foxglove_port", "page_port")]
    node = graph.add(
        ViewNode(context=graph.context, parameter_overrides=[*ports, Parameter("record", value=str(path))])
    )
    assert node.autostart()  # nobody looks
    cloud, objects = cloud_message(result), distances_message(result)
    clouds = graph.node.create_publisher(PointCloud2, "/depth/points", OUTPUT_QOS)
    distances = graph.node.create_publisher(ObjectDistanceArray, "/objects/distances", OUTPUT_QOS)
    graph.spin_until(lambda: clouds.get_subscription_count() and distances.get_subscription_count(), "subscriptions")
    clouds.publish(cloud)
    distances.publish(objects)
    graph.spin_for(1.0)
    node.tear_down()
    with path.open("rb") as file:
        read = [(schema.name, channel.topic, message.data) for schema, channel, message in
                reader.make_reader(file, validate_crcs=True).iter_messages()]  # fmt: skip
    assert {topic: name for name, topic, _ in read} == {
        topic: SCHEMAS[topic] for topic in ("/depth/points", "/objects/distances")
    }
    by_topic = {topic: data for _, topic, data in read}
    assert json.loads(by_topic["/objects/distances"])["objects"][0]["category"] == "red_cube"
    points = np.array(cloud.data, np.uint8).reshape(-1, 16)
    points[:, 15] = 255  # the colour's alpha
    assert points.tobytes() in by_topic["/depth/points"]
    again = graph.add(
        ViewNode(
            context=graph.context, parameter_overrides=[*ports, Parameter("record", value=str(path))], namespace="/b"
        )
    )
    assert not again.autostart()
    assert "live.mcap exists already; choose another file" in again.failure


def test_busy_port_fails_activation_with_a_sentence(graph: Graph, node: ViewNode) -> None:
    taken = [Parameter("foxglove_port", value=0), Parameter("page_port", value=node.bridge.page.port)]
    second = graph.add(ViewNode(context=graph.context, parameter_overrides=taken, namespace="/second"))
    assert not second.autostart()
    assert "choose another page_port" in second.failure


def test_deactivation_ends_the_connections_of_viewers(graph: Graph, node: ViewNode, viewer: FoxgloveClient) -> None:
    viewer.subscribe("/depth/points")
    with browser(node) as client:
        client.send("next")
        graph.spin_until(lambda: len(node.bridge.subscribed) == 4, "the subscriptions")
        bridge = node.bridge
        node.trigger_deactivate()
        list(client)  # ends with the connection
        assert client.close_code == 1001  # going away
    graph.spin_for(0.2)
    assert [subscription.is_paused for subscription in bridge._subscriptions.values()] == [True] * 4


def test_ports_are_free_after_deactivation(graph: Graph, node: ViewNode) -> None:
    port = node.bridge.page.port
    node.trigger_deactivate()
    assert node.bridge is None
    ports = [Parameter("foxglove_port", value=0), Parameter("page_port", value=port)]
    second: Callable[[], bool] = graph.add(
        ViewNode(context=graph.context, parameter_overrides=ports, namespace="/second")
    ).autostart
    assert second()


@pytest.mark.slow
def test_make_view_shows_the_demo_and_ctrl_c_ends_it(tmp_path: Path, domain_id: int) -> None:
    page, foxglove = free_port(), free_port()
    options = {"page-port": page, "foxglove-port": foxglove, "width": 320, "height": 240, "rate-hz": 4}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "unity_depth_perception.demo.view", *arguments]
    with (tmp_path / "log").open("wb") as log:
        environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        end = time.monotonic() + START_S
        while f"http://127.0.0.1:{page}" not in (tmp_path / "log").read_text():
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.2)
        with connect(f"ws://127.0.0.1:{page}/live", max_size=None) as client:
            update: dict[str, Any] = {}
            while not update.get("objects"):
                client.send("next")
                received = client.recv(timeout=max(end - time.monotonic(), 0.1))
                update = json.loads(received) if isinstance(received, str) else update
        assert update["objects"]["depth_model"] == "compact"
        FoxgloveClient(foxglove).close()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
