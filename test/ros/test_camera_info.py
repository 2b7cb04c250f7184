"""CameraInfo and Pose messages, converted to a camera and a transform and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import Pose
from stand_ins import camera, camera_info, header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError
from unity_depth_perception.ros.conversions.camera_info import (
    camera_info_message,
    intrinsics_of,
    matrix_of,
    pose_message,
)


def test_intrinsics_of_camera_info_message_are_those_of_the_camera() -> None:
    shifted = Camera(640, 480, 500.5, 501.5, 300.25, 250.75)
    assert intrinsics_of(camera_info_message(header(), shifted), is_rectified=True).camera == shifted


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("index", [0, 4], ids=["fx", "fy"])
def test_camera_info_with_impossible_focal_length_is_refused(focal: float, index: int) -> None:
    message = camera_info()
    message.k[index] = focal
    with pytest.raises(CameraError, match="camera_info: expected a finite focal length"):
        intrinsics_of(message, is_rectified=False)


def test_camera_info_without_pixels_is_refused() -> None:
    message = camera_info()
    message.width = 0
    with pytest.raises(CameraError, match="camera_info: expected an image size"):
        intrinsics_of(message, is_rectified=False)


def test_camera_follows_region_of_interest_and_binning() -> None:
    message = camera_info()
    message.binning_x = message.binning_y = 2
    assert intrinsics_of(message, is_rectified=False).camera == camera().resized(32, 24)
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 8, 4, 40, 20
    assert intrinsics_of(message, is_rectified=False).camera == camera().cropped(8, 4, 40, 20).resized(20, 10)


def test_binning_that_leaves_no_pixel_is_refused() -> None:
    message = camera_info()
    message.binning_x = 100
    with pytest.raises(CameraError, match="camera_info: expected an image size of at least 1 x 1 px, got 0 x 48"):
        intrinsics_of(message, is_rectified=False)


def test_matrix_and_pose_are_inverse() -> None:
    random = np.random.default_rng(1)
    for quaternion in [*random.normal(size=(50, 4)), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]:
        pose = pose_of(quaternion, random.normal(size=3))
        assert matrix_of(pose_message(matrix_of(pose))) == pytest.approx(matrix_of(pose), abs=1e-9)


def test_quarter_turn_about_z_maps_x_to_y() -> None:
    matrix = matrix_of(pose_of((0, 0, math.sqrt(0.5), math.sqrt(0.5)), (1, 2, 3)))
    assert matrix @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])


@pytest.mark.parametrize("quaternion", [(0, 0, 0, 0), (math.nan, 0, 0, 1), (math.inf, 0, 0, 1)])
def test_pose_with_invalid_quaternion_is_refused(quaternion: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"expected a(n orientation| position)"):
        matrix_of(pose_of(quaternion, (0, 0, 0)))


def pose_of(quaternion: tuple[float, ...], position: tuple[float, ...]) -> Pose:
    pose = Pose()
    q, p = pose.orientation, pose.position
    q.x, q.y, q.z, q.w = (float(v) for v in quaternion)
    p.x, p.y, p.z = (float(v) for v in position)
    return pose
