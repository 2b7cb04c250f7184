"""Camera pose at the stamp of an image: from the topic camera_pose, or from tf where tf2_ros is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose
from numpy.typing import NDArray
from rclpy.time import Time
from std_msgs.msg import Header

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.dataset.messages.camera_info import matrix_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of

Matrix = NDArray[np.float64]


class TfPoseLookup:
    """Looks camera poses up in tf, relative to a fixed frame with z up."""

    is_published = True

    def __init__(self, world_frame: str, tolerance_ns: int = 0) -> None:
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
        self._tolerance_ns = tolerance_ns
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

    def frames_went_back_to(self, stamp_ns: int) -> None:
        """Forget the transforms of the run before."""
        self._buffer.clear()

    def is_settled(self, header: Header) -> bool:
        """Whether tf has the transform at the stamp of an image; a late one may still come."""
        return self._at(header.frame_id, Time.from_msg(header.stamp)) is not None

    def lookup(self, header: Header) -> Matrix | None:
        """world_from_camera (4, 4) of the frame_id of an image at its stamp, else the last within the tolerance."""
        found = self._at(header.frame_id, Time.from_msg(header.stamp))
        if found is None:
            found = self._at(header.frame_id, Time())
            if found is None or abs(stamp_ns_of(found.header) - stamp_ns_of(header)) > self._tolerance_ns:
                return None
        move, turn = found.transform.translation, found.transform.rotation
        return matrix_of(Pose(position=Point(x=move.x, y=move.y, z=move.z), orientation=turn))

    def _at(self, frame_id: str, at: Time) -> Any:
        try:
            return self._buffer.lookup_transform(self._world_frame, frame_id, at)
        except self._tf.TransformException:  # too early, too late, or an unknown frame
            return None
