"""perception_node in process, over real DDS: outputs, refused inputs, dropped frames, QoS, diagnostics."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import CameraRig
from conftest import Graph
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from stand_ins import FRAME_ID, HEIGHT, WIDTH, camera_info, header, image

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.topics import outputs
from unity_depth_perception.ros.topics.diagnostics import values_of
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS


def test_every_output_has_the_header_of_its_image(rig: CameraRig) -> None:
    graph = rig.graph
    names = [name for name in outputs.OUTPUTS if name != outputs.CLASSES]  # the class map is of no frame
    topics = {name: graph.collect(outputs._OUTPUTS[name].message_type, name) for name in names}
    graph.spin_until(lambda: all(map(rig.node._result_publishers.is_subscribed, topics)), "all outputs to be watched")
    rig.expect_good_frame_processed(stamp_ns=5_000_000_003)
    graph.spin_until(lambda: all(topics.values()), "a message on every output")
    markers = topics.pop("objects/markers")
    for found in [messages[0] for messages in topics.values()] + markers[0].markers:
        assert stamp_ns_of(found.header) == 5_000_000_003
        assert found.header.frame_id == FRAME_ID
    assert single_channel_of(topics["depth/image_rect"][0]).shape == (HEIGHT, WIDTH)
    assert topics["depth/camera_info"][0].k.tolist() == camera_info().k.tolist()
    assert np.unique(single_channel_of(topics["objects/instances"][0])).tolist() == [0, 1]


def broken_image(**changes: Any) -> Image:
    message = image()
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (broken_image(data=b"\0" * 50), "got 50"),
        (broken_image(step=1), "step of at least"),
        (broken_image(encoding="mystery"), "'mystery'"),
        (broken_image(width=0, height=0, step=0, data=b""), "0 x 0"),
        (broken_image(width=32, step=96, data=b"\0" * (96 * 48)), "camera's 64 x 48 px, got 32 x 48"),
    ],
    ids=["truncated", "wrong step", "unknown encoding", "no pixels", "other proportions than camera_info"],
)
def test_invalid_image_is_refused_and_the_next_one_processed(rig: CameraRig, message: Image, said: str) -> None:
    rig.send_info()
    rig.images.publish(message)
    rig.expect("refused", 1)
    assert said in rig.node.counts.last_reason
    rig.expect_good_frame_processed()


@pytest.mark.parametrize("focal", [0.0, math.nan])
def test_invalid_camera_info_is_refused_and_the_next_frame_processed(rig: CameraRig, focal: float) -> None:
    bad = camera_info()
    bad.k[0] = focal
    rig.send_info(bad)
    assert "focal length" in rig.node.counts.last_reason
    rig.images.publish(image())
    rig.expect("refused", 1)
    assert "waiting for camera_info" in rig.node.counts.last_reason
    rig.expect_good_frame_processed()


def test_invalid_pose_is_refused_and_the_frame_processed_without_it(rig: CameraRig) -> None:
    poses = rig.graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    rig.graph.spin_until(lambda: poses.get_subscription_count() > 0, "a subscription to the pose")
    message = PoseStamped(header=header())
    message.pose.orientation.w = 0.0
    poses.publish(message)
    rig.expect("refused inputs", 1)
    rig.expect_good_frame_processed()


def test_field_of_view_replaces_missing_camera_info(graph: Graph, make_node: Callable[..., PerceptionNode]) -> None:
    rig = CameraRig(graph, make_node(vertical_fov_deg=60.0))
    rig.images.publish(image(7))
    graph.spin_until(lambda: bool(rig.distances), "distances without camera_info")


def test_newest_frame_is_processed_and_the_others_counted_as_dropped(
    graph: Graph, make_node: Callable[..., PerceptionNode]
) -> None:
    gate = threading.Semaphore(0)
    rig = CameraRig(graph, make_node(gate))
    rig.send_info()
    rig.images.publish(image(1))
    rig.expect("received", 1)
    graph.spin_until(lambda: rig.node._worker._waiting is None, "the first frame to be in flight")
    for stamp_ns in (2, 3, 4, 5):
        rig.images.publish(image(stamp_ns))
    rig.expect("received", 5)
    gate.release(5)
    rig.expect("processed", 2)
    graph.spin_until(lambda: len(rig.distances) == 2, "both results")
    assert [stamp_ns_of(m.header) for m in rig.distances] == [1, 5]
    assert rig.node.counts["dropped"] == 3


def test_output_without_subscribers_is_not_computed(rig: CameraRig, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    for name, output in outputs._OUTPUTS.items():
        convert = lambda r, c, _name=name, _convert=output.convert: computed.append(_name) or _convert(r, c)  # noqa: E731
        monkeypatch.setitem(outputs._OUTPUTS, name, output._replace(convert=convert))
    rig.expect_good_frame_processed()
    assert computed == ["objects/distances"]


def test_frame_is_skipped_if_no_output_has_a_subscriber(graph: Graph, make_node: Callable[..., PerceptionNode]) -> None:
    node = make_node()
    assert node.autostart()
    images = graph.node.create_publisher(Image, "image_raw", OUTPUT_QOS)
    graph.spin_until(lambda: images.get_subscription_count() > 0, "a subscription")
    images.publish(image())
    graph.spin_until(lambda: node.counts["unwatched"] == 1, "the frame to be left")
    assert node.counts["processed"] == 0


def test_node_receives_images_of_a_best_effort_publisher(
    graph: Graph, make_node: Callable[..., PerceptionNode]
) -> None:
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    rig = CameraRig(graph, make_node(), best_effort)
    assert rig.node._source.subscriptions[0].qos.reliability == ReliabilityPolicy.BEST_EFFORT
    rig.expect_good_frame_processed()


def test_subscription_stays_reliable_for_a_reliable_publisher(rig: CameraRig) -> None:
    rig.graph.spin_for(0.8)
    assert rig.node._source.subscriptions[0].qos.reliability == ReliabilityPolicy.RELIABLE


def test_diagnostics_count_frames_by_outcome(rig: CameraRig) -> None:
    rig.images.publish(image())
    rig.expect("refused", 1)
    rig.expect_good_frame_processed()
    messages = rig.graph.collect(DiagnosticArray, "/diagnostics")
    rig.graph.spin_until(lambda: bool(messages), "diagnostics")
    status, values = values_of(messages[-1], "/perception_node")
    assert status.level == DiagnosticStatus.OK
    assert {k: values[k] for k in ("received", "processed", "dropped", "refused")} == {
        "received": "2",
        "processed": "1",
        "dropped": "0",
        "refused": "1",
    }
    assert "waiting for camera_info" in values["last reason"]
    assert float(values["latency p95 [ms]"]) > 0


def test_node_can_be_cleaned_up_and_configured_again(rig: CameraRig) -> None:
    node = rig.node
    rig.expect_good_frame_processed(1)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert getattr(node, f"trigger_{transition}")() == TransitionCallbackReturn.SUCCESS, transition
    rig.distances.clear()
    rig.graph.spin_until(lambda: rig._connected, "the node to be connected again")
    rig.expect_good_frame_processed(2)
