"""CameraInfo and PoseStamped to core types and back, and the choice of a frame's intrinsics."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from geometry_msgs.msg import Pose
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError


def camera_of(message: CameraInfo) -> Camera:
    """The pinhole camera of a CameraInfo (K and size).

    Raises:
        CameraError: a size of 0, or a focal length that is zero, negative or not finite.
    """
    try:
        return Camera.from_k(message.k, message.width, message.height)
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
    """Which camera took an image: camera_info, else the intrinsics file, else the vertical field of view."""

    def __init__(self, intrinsics_file: str = "", vertical_fov_deg: float = 0.0) -> None:
        """Reads the file, if one is named.

        Raises:
            CameraError: the file is missing or wrong.
        """
        self._from_file = Camera.from_intrinsics_file(Path(intrinsics_file)) if intrinsics_file else None
        self._file = intrinsics_file
        self._fov_deg = vertical_fov_deg
        self._from_info: Camera | None = None

    def update(self, message: CameraInfo) -> None:
        """Take a new camera_info; a bad one is refused and the last good one stays.

        Raises:
            CameraError: the message holds impossible intrinsics.
        """
        self._from_info = camera_of(message)

    def camera_for(self, width: int, height: int) -> Camera:
        """The camera of an image of this size.

        Raises:
            CameraError: no intrinsics are known, or they belong to an image of another size.
        """
        camera, source = self._from_info, "camera_info"
        if camera is None:
            camera, source = self._from_file, self._file
        if camera is None and self._fov_deg > 0:
            return Camera.from_vertical_fov(math.radians(self._fov_deg), width, height)
        if camera is None:
            raise CameraError(
                "no intrinsics: waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"
            )
        if (camera.width, camera.height) != (width, height):
            raise CameraError(
                f"{source}: expected intrinsics of an image of {width} x {height} px, "
                f"got {camera.width} x {camera.height}"
            )
        return camera


def matrix_of(pose: Pose) -> NDArray[np.float64]:
    """(4, 4) float64 transformation of a pose; its quaternion need not be of unit length.

    Raises:
        InputError: a value is not finite, or the quaternion is zero.
    """
    q, t = pose.orientation, pose.position
    quaternion = np.array([q.x, q.y, q.z, q.w])
    position = np.array([t.x, t.y, t.z])
    norm = float(np.linalg.norm(quaternion))
    if not (np.isfinite(position).all() and math.isfinite(norm) and norm > 1e-6):
        raise InputError(f"expected a finite pose with a quaternion other than zero, got {position} {quaternion}")
    x, y, z, w = quaternion / norm
    matrix = np.eye(4)
    # Diebel, Representing Attitude (2006), eq. 125, transposed: rotates vectors of the body frame into the world.
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = position
    return matrix


def pose_message(matrix: NDArray[np.float64]) -> Pose:
    """The pose of a (4, 4) rigid transformation.

    The quaternion is the eigenvector of the largest eigenvalue of Bar-Itzhack's matrix (J. Guidance 23(6), 2000):
    exact for rotations, without the case distinctions of the usual formula.
    """
    r = matrix[:3, :3]
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    x, y, z, w = (float(v) for v in np.linalg.eigh(k)[1][:, -1])  # eigh reads the lower triangle
    message = Pose()
    message.position.x, message.position.y, message.position.z = (float(v) for v in matrix[:3, 3])
    message.orientation.x, message.orientation.y, message.orientation.z, message.orientation.w = x, y, z, w
    return message
