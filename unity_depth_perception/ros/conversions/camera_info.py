"""CameraInfo and Pose messages to intrinsics and (4, 4) transforms, and back."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.pose import pose_from_matrix


def camera_info_message(header: Header, camera: Camera) -> CameraInfo:
    """CameraInfo of a rectified picture: K, P and size of `camera`, D = 0, R = identity."""
    message = CameraInfo(header=header, width=camera.width, height=camera.height)
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = camera.k.flatten()
    message.r = np.eye(3).flatten()
    message.p = camera.p.flatten()
    return message


def pose_message(matrix: NDArray[np.float64]) -> Pose:
    """Pose message of a (4, 4) rigid transform."""
    position, orientation = pose_from_matrix(matrix)
    return Pose(
        position=Point(**dict(zip("xyz", position, strict=True))),
        orientation=Quaternion(**dict(zip("xyzw", orientation, strict=True))),
    )
