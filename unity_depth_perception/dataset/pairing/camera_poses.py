"""Camera pose at the stamp of an image, from the topic camera_pose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.pose import interpolate_pose
from unity_depth_perception.dataset.messages.camera_info import matrix_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.pairing.stamp_history import StampHistory

Matrix = NDArray[np.float64]


class PoseBuffer:
    """The last poses of camera_pose, looked up by the stamp of an image.

    An image gets the pose of its own stamp; else, of the poses within the tolerance, the two around it interpolated, or
    the nearest one.
    """

    def __init__(self, tolerance_ns: int = 0, size: int = 2000) -> None:
        self._tolerance_ns = tolerance_ns
        self._history: StampHistory[Matrix] = StampHistory(size)
        self.is_published = False  # whether any pose has arrived

    def update(self, message: Any) -> Matrix:
        """Store and return a pose; a stamp earlier than the last one (a restarted simulation) clears the buffer first.

        Raises:
            InputError: the pose is not finite, or its quaternion is zero.
        """
        pose = matrix_of(message.pose)
        self._history.add(stamp_ns_of(message.header), pose)
        self.is_published = True
        return pose

    def frames_went_back_to(self, stamp_ns: int) -> None:
        """Forget the poses of the run before if the images restart first."""
        self._history.forget_if_after(stamp_ns)

    def is_settled(self, header: Any) -> bool:
        """Whether later poses change nothing: one has the stamp of the image, or a later one."""
        stamp_ns = stamp_ns_of(header)
        _, after = self._history.neighbours(stamp_ns)
        return self._history.exact(stamp_ns) is not None or after is not None

    def lookup(self, header: Any) -> Matrix | None:
        """world_from_camera (4, 4) at the stamp of an image, or None."""
        stamp_ns = stamp_ns_of(header)
        exact = self._history.exact(stamp_ns)
        if exact is not None:
            return exact
        around = self._history.neighbours(stamp_ns)
        near = [item for item in around if item and abs(item[0] - stamp_ns) <= self._tolerance_ns]
        if len(near) == 2:
            (start, first), (end, last) = near
            return interpolate_pose(first, last, (stamp_ns - start) / (end - start))
        return near[0][1] if near else None
