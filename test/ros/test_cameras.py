"""CameraInfo, poses, and which intrinsics a frame gets."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import Pose
from stand_ins import HEIGHT, WIDTH, camera, camera_info, header

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError
from unity_depth_perception.ros.conversions.camera_info import (
    Intrinsics,
    camera_info_message,
    camera_of,
    matrix_of,
    pose_message,
)


def test_a_camera_survives_camera_info() -> None:
    shifted = Camera(640, 480, 500.5, 501.5, 300.25, 250.75)
    assert camera_of(camera_info_message(header(), shifted)) == shifted


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("index", [0, 4], ids=["fx", "fy"])
def test_an_impossible_focal_length_is_refused(focal: float, index: int) -> None:
    message = camera_info()
    message.k[index] = focal
    with pytest.raises(CameraError, match="camera_info: expected a finite focal length"):
        camera_of(message)


def test_a_camera_without_pixels_is_refused() -> None:
    message = camera_info()
    message.width = 0
    with pytest.raises(CameraError, match="camera_info: expected an image size"):
        camera_of(message)


def test_intrinsics_prefer_camera_info_to_file_to_field_of_view(tmp_path: Path) -> None:
    path = tmp_path / "camera_intrinsics.json"
    from_file = Camera.from_vertical_fov(0.5, WIDTH, HEIGHT)
    path.write_text(json.dumps(from_file.to_intrinsics()))
    intrinsics = Intrinsics(str(path), vertical_fov_deg=90.0)
    assert intrinsics.camera_for(WIDTH, HEIGHT).fx == pytest.approx(from_file.fx)
    intrinsics.update(camera_info())
    assert intrinsics.camera_for(WIDTH, HEIGHT) == camera()


def test_a_field_of_view_fits_any_image() -> None:
    assert Intrinsics(vertical_fov_deg=60.0).camera_for(1024, 1024).fx == pytest.approx(886.81, abs=0.01)


def test_without_intrinsics_it_says_what_to_do() -> None:
    with pytest.raises(CameraError, match="waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"):
        Intrinsics().camera_for(WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [(32, 24), (640, 480), (63, 47)], ids=["binned", "larger", "rounded"])
def test_intrinsics_follow_an_image_of_the_same_shape(size: tuple[int, int]) -> None:
    """Corners stay corners: the field of view is the same."""
    intrinsics = Intrinsics()
    intrinsics.update(camera_info())
    scaled = intrinsics.camera_for(*size)
    assert scaled == camera().resized(*size)
    assert scaled.vertical_fov_rad == pytest.approx(camera().vertical_fov_rad)
    assert intrinsics.used == f"camera_info 64 x 48, scaled to {size[0]} x {size[1]}"


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (640, 470), (1, 48)])
def test_intrinsics_of_an_image_of_another_shape_are_refused(size: tuple[int, int]) -> None:
    intrinsics = Intrinsics()
    intrinsics.update(camera_info())
    said = f"camera_info: expected intrinsics of an image of {size[0]} x {size[1]} px or of its shape, got 64 x 48"
    with pytest.raises(CameraError, match=said):
        intrinsics.camera_for(*size)


def test_binning_and_region_of_interest_are_those_of_the_image() -> None:
    message = camera_info()
    message.binning_x = message.binning_y = 2
    assert camera_of(message) == camera().resized(32, 24)
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 8, 4, 40, 20
    assert camera_of(message) == camera().cropped(8, 4, 40, 20).resized(20, 10)


def test_binning_that_leaves_no_pixel_is_refused() -> None:
    message = camera_info()
    message.binning_x = 100
    with pytest.raises(CameraError, match="camera_info: expected an image size of at least 1 x 1 px, got 0 x 48"):
        camera_of(message)


def test_the_age_of_camera_info_counts_from_the_last_good_one() -> None:
    intrinsics = Intrinsics()
    assert intrinsics.age_s is None
    intrinsics.update(camera_info())
    assert intrinsics.age_s is not None
    assert intrinsics.age_s >= 0


def test_a_bad_camera_info_leaves_the_last_good_one() -> None:
    intrinsics, bad = Intrinsics(), camera_info()
    bad.k[0] = 0.0
    intrinsics.update(camera_info())
    with pytest.raises(CameraError, match="focal"):
        intrinsics.update(bad)
    assert intrinsics.camera_for(WIDTH, HEIGHT) == camera()


@pytest.mark.parametrize("content", [None, "", "no json", "{}", '{"width": -1}'])
def test_a_bad_intrinsics_file_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "intrinsics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CameraError, match=r"intrinsics\.json"):
        Intrinsics(str(path))


def test_matrix_and_pose_are_inverse() -> None:
    random = np.random.default_rng(1)
    for quaternion in [*random.normal(size=(50, 4)), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]:
        pose = pose_of(quaternion, random.normal(size=3))
        assert matrix_of(pose_message(matrix_of(pose))) == pytest.approx(matrix_of(pose), abs=1e-9)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    matrix = matrix_of(pose_of((0, 0, math.sqrt(0.5), math.sqrt(0.5)), (1, 2, 3)))
    assert matrix @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])


@pytest.mark.parametrize("quaternion", [(0, 0, 0, 0), (math.nan, 0, 0, 1), (math.inf, 0, 0, 1)])
def test_a_pose_without_a_rotation_is_refused(quaternion: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"expected a(n orientation| position)"):
        matrix_of(pose_of(quaternion, (0, 0, 0)))


def pose_of(quaternion: tuple[float, ...], position: tuple[float, ...]) -> Pose:
    pose = Pose()
    q, p = pose.orientation, pose.position
    q.x, q.y, q.z, q.w = (float(v) for v in quaternion)
    p.x, p.y, p.z = (float(v) for v in position)
    return pose
