"""CameraInfo and Pose messages to Camera and (4, 4) transforms, and back."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.core.pose import matrix_from_pose, pose_from_matrix


def camera_of(message: CameraInfo) -> Camera:
    """The pinhole camera of a CameraInfo: K and the full resolution, then region of interest, then binning.

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
    """CameraInfo with K, P and size of `camera`, without distortion."""
    message = CameraInfo(header=header, width=camera.width, height=camera.height)
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = camera.k.flatten()
    message.r = np.eye(3).flatten()
    message.p = camera.p.flatten()
    return message


def matrix_of(pose: Pose) -> NDArray[np.float64]:
    """(4, 4) float64 transform of a Pose message.

    Raises:
        InputError: a value is not finite, or the quaternion is zero.
    """
    p, q = pose.position, pose.orientation
    return matrix_from_pose([p.x, p.y, p.z], [q.x, q.y, q.z, q.w])


def pose_message(matrix: NDArray[np.float64]) -> Pose:
    """Pose message of a (4, 4) rigid transform."""
    position, orientation = pose_from_matrix(matrix)
    return Pose(
        position=Point(**dict(zip("xyz", position, strict=True))),
        orientation=Quaternion(**dict(zip("xyzw", orientation, strict=True))),
    )
