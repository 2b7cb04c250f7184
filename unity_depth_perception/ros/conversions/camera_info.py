"""CameraInfo and PoseStamped to core types and back, and the choice of a frame's intrinsics."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.core.pose import matrix_from_pose, pose_from_matrix


def camera_of(message: CameraInfo) -> Camera:
    """The pinhole camera of the image that a CameraInfo is about: K, its size, then its region of interest and binning.

    Raises:
        CameraError: a size of 0, or a focal length that is zero, negative or not finite.
    """
    roi = message.roi
    try:
        camera = Camera.from_k(message.k, message.width, message.height)
        if roi.width and roi.height:
            camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
        bins = max(message.binning_x, 1), max(message.binning_y, 1)
        return camera if bins == (1, 1) else camera.resized(camera.width // bins[0], camera.height // bins[1])
    except CameraError as error:
        raise CameraError(f"camera_info: {error}") from None


def camera_info_message(header: Header, camera: Camera) -> CameraInfo:
    """An undistorted CameraInfo with K, P and the size of `camera`."""
    message = CameraInfo(header=header, width=camera.width, height=camera.height)
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = camera.k.flatten()
    message.r = np.eye(3).flatten()
    message.p = camera.p.flatten()
    return message


class Intrinsics:
    """Which camera took an image: camera_info, else the intrinsics file, else the vertical field of view.

    Attributes:
        from_file: the camera of the intrinsics file, known before anything arrives; None without a file.
        used: what the last image got, in words.
    """

    def __init__(self, intrinsics_file: str = "", vertical_fov_deg: float = 0.0) -> None:
        """Reads the file, if one is named.

        Raises:
            CameraError: the file is missing or wrong.
        """
        self.from_file = Camera.from_intrinsics_file(Path(intrinsics_file)) if intrinsics_file else None
        self._file = intrinsics_file
        self._fov_deg = vertical_fov_deg
        self._from_info: Camera | None = None
        self._arrived_s: float | None = None
        self.used = "none yet"

    def update(self, message: CameraInfo) -> None:
        """Take a new camera_info; a bad one is refused and the last good one stays.

        Raises:
            CameraError: the message holds impossible intrinsics.
        """
        self._from_info = camera_of(message)
        self._arrived_s = time.monotonic()

    @property
    def age_s(self) -> float | None:
        """Seconds since the last good camera_info arrived; None before the first."""
        return None if self._arrived_s is None else time.monotonic() - self._arrived_s

    def camera_for(self, width: int, height: int) -> Camera:
        """The camera of an image of this size; intrinsics of another size but the same shape are scaled to it.

        Raises:
            CameraError: no intrinsics are known, or they belong to an image of another shape.
        """
        camera, source = self._from_info, "camera_info"
        if camera is None:
            camera, source = self.from_file, self._file
        if camera is None and self._fov_deg > 0:
            self.used = f"vertical_fov_deg {self._fov_deg:g}"
            return Camera.from_vertical_fov(math.radians(self._fov_deg), width, height)
        if camera is None:
            raise CameraError(
                "no intrinsics: waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"
            )
        self.used = f"{source} {camera.width} x {camera.height}"
        if (camera.width, camera.height) == (width, height):
            return camera
        if not _same_shape(camera, width, height):
            raise CameraError(
                f"{source}: expected intrinsics of an image of {width} x {height} px or of its shape, "
                f"got {camera.width} x {camera.height}"
            )
        self.used += f", scaled to {width} x {height}"
        return camera.resized(width, height)


def _same_shape(camera: Camera, width: int, height: int) -> bool:
    """Whether an image of width x height can be a binned one: the same aspect, but for the rounding to whole pixels."""
    scale = math.sqrt(width / camera.width * height / camera.height)
    return abs(camera.width * scale - width) < 1 and abs(camera.height * scale - height) < 1


def matrix_of(pose: Pose) -> NDArray[np.float64]:
    """(4, 4) float64 transform of a pose.

    Raises:
        InputError: a value is not finite, or the quaternion is zero.
    """
    p, q = pose.position, pose.orientation
    return matrix_from_pose([p.x, p.y, p.z], [q.x, q.y, q.z, q.w])


def pose_message(matrix: NDArray[np.float64]) -> Pose:
    """The pose of a (4, 4) rigid transform."""
    position, orientation = pose_from_matrix(matrix)
    return Pose(
        position=Point(**dict(zip("xyz", position, strict=True))),
        orientation=Quaternion(**dict(zip("xyzw", orientation, strict=True))),
    )
