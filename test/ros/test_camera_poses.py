"""Camera pose of an image: that of its own stamp, from camera_pose or from tf."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import MakeNode
from geometry_msgs.msg import PoseStamped, Quaternion, Vector3
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.time import Time
from stand_ins import FRAME_ID, header

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.pairing.camera_poses import PoseBuffer
from unity_depth_perception.ros.inputs.camera_poses import TfPoseLookup


def pose(stamp_ns: int, x: float) -> PoseStamped:
    message = PoseStamped(header=header(stamp_ns))
    message.pose.position.x = x
    return message


def test_pose_lookup_without_tolerance_needs_the_exact_stamp() -> None:
    poses = PoseBuffer()
    for stamp_ns in (10, 20):
        poses.update(pose(stamp_ns, x=stamp_ns / 10))
    found = poses.lookup(header(10))
    assert found is not None
    assert found[:3, 3].tolist() == [1.0, 0.0, 0.0]
    assert poses.lookup(header(15)) is None


def test_second_pose_of_a_stamp_replaces_the_first() -> None:
    poses = PoseBuffer()
    for x in (1.0, 2.0):
        poses.update(pose(10, x))
    assert poses.lookup(header(10))[0, 3] == 2.0


def test_stamp_that_jumps_back_clears_the_pose_buffer() -> None:
    poses = PoseBuffer()
    for stamp_ns in (10, 20, 30, 5):
        poses.update(pose(stamp_ns, 0.0))
    assert [poses.lookup(header(stamp)) is not None for stamp in (5, 10, 20, 30)] == [True, False, False, False]


def test_pose_buffer_keeps_only_the_newest_poses() -> None:
    poses = PoseBuffer(size=2)
    for stamp_ns in (1, 2, 3):
        poses.update(pose(stamp_ns, 0.0))
    assert [poses.lookup(header(stamp)) is not None for stamp in (1, 2, 3)] == [False, True, True]


def test_invalid_pose_leaves_the_buffer_unchanged() -> None:
    poses = PoseBuffer()
    poses.update(pose(10, 1.0))
    with pytest.raises(InputError, match="expected a position"):
        poses.update(pose(5, float("nan")))
    assert poses.lookup(header(10)) is not None


class FakeTf(ModuleType):
    """Test double of tf2_ros, of which there is no wheel; it records calls and does not test tf itself."""

    class TransformException(Exception):  # noqa: N818 - tf2_ros' own name
        pass

    def __init__(self) -> None:
        super().__init__("tf2_ros")
        self.listeners: list[Any] = []
        self.asked: list[tuple[str, str, int]] = []
        self.known = True

    def clear(self) -> None:
        self.asked.clear()

    def Buffer(self) -> FakeTf:  # noqa: N802
        return self

    def TransformListener(self, buffer: Any, node: Any) -> Any:  # noqa: N802
        self.listeners.append(node)
        return SimpleNamespace(unregister=lambda: self.listeners.remove(node))

    def lookup_transform(self, target: str, source: str, at: Time) -> Any:
        self.asked.append((target, source, at.nanoseconds))
        if not self.known:
            raise self.TransformException("extrapolation into the future")
        return SimpleNamespace(
            header=header(at.nanoseconds),
            transform=SimpleNamespace(translation=Vector3(x=1.0, y=2.0, z=3.0), rotation=Quaternion(w=1.0)),
        )


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> FakeTf:
    fake = FakeTf()
    monkeypatch.setitem(sys.modules, "tf2_ros", fake)
    return fake


def test_tf_lookup_uses_world_frame_frame_id_and_stamp(tf: FakeTf) -> None:
    found = TfPoseLookup("map").lookup(header(5))
    assert found is not None
    assert found[:3, 3].tolist() == [1.0, 2.0, 3.0]
    assert tf.asked == [("map", FRAME_ID, 5)]


def test_failed_tf_lookup_gives_no_pose(tf: FakeTf) -> None:
    tf.known = False
    assert TfPoseLookup("map").lookup(header(5)) is None


def test_node_subscribes_to_tf_only_while_active(tf: FakeTf, make_node: MakeNode) -> None:
    node = make_node(world_frame="map")
    assert node.autostart()
    assert tf.listeners == [node]
    assert [s.topic for s in node._source.subscriptions] == ["/image_raw", "/camera_info"], "camera_pose is not needed"
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert tf.listeners == []


def test_configure_without_tf2_ros_fails_and_says_what_to_install(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    node = make_node(world_frame="map")
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "world_frame: 'map' needs tf2_ros" in node.failure
