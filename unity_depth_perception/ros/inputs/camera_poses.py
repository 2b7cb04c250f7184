"""Camera pose at the stamp of an image: from the topic camera_pose, or from tf where tf2_ros is installed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped
from numpy.typing import NDArray
from rclpy.time import Time
from std_msgs.msg import Header

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ros.conversions.camera_info import matrix_of
from unity_depth_perception.ros.conversions.headers import stamp_ns_of

Matrix = NDArray[np.float64]


class PoseBuffer:
    """The last poses of camera_pose by stamp; an image gets the pose with exactly its own stamp, or none."""

    def __init__(self, size: int = 100) -> None:
        self._size = size
        self._poses: OrderedDict[int, Matrix] = OrderedDict()

    def update(self, message: PoseStamped) -> None:
        """Store a pose; a stamp earlier than the last one (the simulation restarted) clears the buffer first.

        Raises:
            InputError: the pose is not finite, or its quaternion is zero.
        """
        stamp_ns, matrix = stamp_ns_of(message.header), matrix_of(message.pose)
        if self._poses and stamp_ns < next(reversed(self._poses)):
            self._poses.clear()
        self._poses[stamp_ns] = matrix
        while len(self._poses) > self._size:
            self._poses.popitem(last=False)

    def lookup(self, header: Header) -> Matrix | None:
        """world_from_camera (4, 4) at the stamp of an image, or None."""
        return self._poses.get(stamp_ns_of(header))


class TfPoseLookup:
    """Looks camera poses up in tf, relative to a fixed frame with z up."""

    def __init__(self, world_frame: str) -> None:
        """Subscribes to nothing before `listen`.

        Raises:
            ConfigurationError: tf2_ros is not installed.
        """
        try:
            import tf2_ros
        except ImportError:
            raise ConfigurationError(
                f"parameter world_frame: {world_frame!r} needs tf2_ros, which is not installed; publish camera_pose, "
                "or install ros-jazzy-tf2-ros-py"
            ) from None
        self._world_frame = world_frame
        self._tf = tf2_ros
        self._buffer = tf2_ros.Buffer()
        self._listener: Any = None

    def listen(self, node: Any) -> None:
        """Subscribe to /tf and /tf_static."""
        self._listener = self._tf.TransformListener(self._buffer, node)

    def close(self) -> None:
        """Unsubscribe."""
        if self._listener is not None:
            self._listener.unregister()
            self._listener = None

    def lookup(self, header: Header) -> Matrix | None:
        """world_from_camera (4, 4) of the frame_id of an image at its stamp, or None if tf does not have it."""
        try:
            found = self._buffer.lookup_transform(self._world_frame, header.frame_id, Time.from_msg(header.stamp))
        except self._tf.TransformException:  # too early, too late, or an unknown frame
            return None
        move, turn = found.transform.translation, found.transform.rotation
        return matrix_of(Pose(position=Point(x=move.x, y=move.y, z=move.z), orientation=turn))
