"""tf of the camera: world -> body -> optical frame, from camera_pose, unless somebody else publishes it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from numpy.typing import NDArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.pose import pose_from_matrix

Matrix = NDArray[np.float64]

# Axes of the body (x forward, y left, z up; REP 103) of those of the optical frame (x right, y down, z forward).
BODY_FROM_OPTICAL = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
_SUFFIXES = ("_optical_frame", "_optical", "/optical_frame", "/optical")
_TF_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_STATIC_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_LISTEN_FIRST_S = 1.0  # a parent that somebody else publishes is heard within this time


def body_frame_of(optical_frame: str) -> str:
    """Name of the camera's body frame: `camera` for `camera_optical` and `camera_optical_frame`, else with `_body`."""
    for suffix in _SUFFIXES:
        if optical_frame.endswith(suffix) and len(optical_frame) > len(suffix):
            return optical_frame.removesuffix(suffix)
    return f"{optical_frame}_body"


def frame_note(frame_id: str) -> str:
    """What is doubtful about the frame_id of an image; empty: nothing."""
    if not frame_id:
        return "the images have no frame_id: RViz and tf cannot place the results; set parameter frame_id"
    if "optical" not in frame_id:
        return (
            f"frame_id {frame_id!r} does not name an optical frame: results have optical axes (x right, y down, z "
            "forward); if it is a body frame (x forward, z up), set parameter frame_id to an optical one"
        )
    return ""


class CameraTransforms:
    """Broadcasts the transforms of one camera on /tf and /tf_static.

    `auto` is silent while somebody else publishes a parent of the optical or the body frame.
    """

    def __init__(self, node: Any, mode: str, world_frame: str) -> None:
        """`mode`: auto, true or false; `world_frame`: name of the world with z up.

        Raises:
            ConfigurationError: mode true, and tf2_msgs is not installed.
        """
        self._node = node
        self._mode = mode
        self._world_frame = world_frame
        self._foreign: dict[str, str] = {}  # child -> parent, of other publishers
        self._static_frame = ""
        self._silenced_by = ""
        self._start_s = 0.0
        self._publishers: list[Any] = []  # /tf, /tf_static; none while the node is not active
        self._subscriptions: list[Any] = []
        if mode == "false":
            return
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            if mode == "true":
                raise ConfigurationError("parameter publish_tf: true needs tf2_msgs, which is not installed") from None
            self._mode = "false"
            return
        self._message_type = TFMessage

    def listen(self) -> None:
        """Create the publishers, and the subscriptions that `auto` needs."""
        if self._mode == "false":
            return
        node, kind = self._node, self._message_type
        self._start_s, self._static_frame, self._silenced_by = time.monotonic(), "", ""
        self._publishers = [node.create_publisher(kind, "/tf", _TF_QOS)]
        self._publishers.append(node.create_publisher(kind, "/tf_static", _STATIC_QOS))
        if self._mode == "auto":
            self._subscriptions = [
                node.create_subscription(kind, "/tf", self._hear, _TF_QOS),
                node.create_subscription(kind, "/tf_static", self._hear, _STATIC_QOS),
            ]

    @property
    def state(self) -> str:
        """For diagnostics: what is published, or why nothing is."""
        if self._mode == "false":
            return "off"
        if self._silenced_by:
            return f"silent: {self._silenced_by} already"
        return "publishing" if self._static_frame else "waiting for frames"

    def publish(self, header: Header, world_from_camera: Matrix | None) -> None:
        """Broadcast body -> optical once, and world -> body at the stamp of a frame with a known pose."""
        optical = header.frame_id
        if not self._publishers or not optical or self._is_foreign(optical):
            return
        body = body_frame_of(optical)
        if optical != self._static_frame:
            self._static_frame = optical
            self._send(self._publishers[1], header, body, optical, BODY_FROM_OPTICAL)
        if world_from_camera is not None:
            world_from_body = world_from_camera @ BODY_FROM_OPTICAL.T  # a rotation
            self._send(self._publishers[0], header, self._world_frame, body, world_from_body)

    def close(self) -> None:
        """Destroy publishers and subscriptions."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers, self._subscriptions = [], []

    def _is_foreign(self, optical: str) -> bool:
        if self._mode == "true":
            return False
        if time.monotonic() - self._start_s < _LISTEN_FIRST_S:
            return True
        taken = next((name for name in (optical, body_frame_of(optical)) if name in self._foreign), "")
        self._silenced_by = f"{taken} has the parent {self._foreign[taken]}" if taken else ""
        return bool(taken)

    def _hear(self, message: Any) -> None:
        for transform in message.transforms:
            child, parent = transform.child_frame_id, transform.header.frame_id
            ours = body_frame_of(child) == parent or (parent == self._world_frame and self._is_our_body(child))
            if not ours:
                self._foreign[child] = parent

    def _is_our_body(self, child: str) -> bool:
        return bool(self._static_frame) and child == body_frame_of(self._static_frame)

    def _send(self, publisher: Any, header: Header, parent: str, child: str, matrix: Matrix) -> None:
        position, orientation = pose_from_matrix(matrix)
        transform = TransformStamped(header=Header(stamp=header.stamp, frame_id=parent), child_frame_id=child)
        transform.transform.translation = Vector3(**dict(zip("xyz", position, strict=True)))
        transform.transform.rotation = Quaternion(**dict(zip("xyzw", orientation, strict=True)))
        publisher.publish(self._message_type(transforms=[transform]))
