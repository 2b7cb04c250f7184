"""CameraInfo and Pose messages, converted to a camera and a transform and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import Pose
from sensor_msgs.msg import CameraInfo
from stand_ins import camera, camera_info, header

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError, InputError
from unity_depth_perception.dataset.messages.camera_info import Intrinsics, intrinsics_of, matrix_of
from unity_depth_perception.ros.conversions.camera_info import camera_info_message, pose_message


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


def real_camera_info(model: str = "plumb_bob", d: tuple[float, ...] = (-0.35, 0.12, 0.001, 0.0, 0.0)) -> CameraInfo:
    """K and P differ, as a calibration gives them."""
    message = CameraInfo(width=640, height=480, distortion_model=model, d=list(d))
    message.k = [500.0, 0.0, 310.0, 0.0, 505.0, 245.0, 0.0, 0.0, 1.0]
    message.p = [450.0, 0.0, 312.0, 0.0, 0.0, 470.0, 243.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def test_rectified_picture_has_the_camera_of_p_and_no_lens() -> None:
    assert intrinsics_of(real_camera_info(), is_rectified=True) == Intrinsics(Camera(640, 480, 450, 470, 312, 243))


@pytest.mark.parametrize(
    ("model", "d"),
    [("plumb_bob", (-0.35, 0.12, 0.001, 0.0, 0.0)), ("rational_polynomial", (0.1, 0.0, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0))],
)
def test_raw_picture_with_distortion_is_to_be_rectified_to_the_camera_of_p(model: str, d: tuple[float, ...]) -> None:
    found = intrinsics_of(real_camera_info(model, d), is_rectified=False)
    assert found.camera == Camera(640, 480, 450, 470, 312, 243)
    assert found.lens == Lens(Camera(640, 480, 500, 505, 310, 245), d)


def test_raw_picture_without_distortion_has_the_camera_of_k() -> None:
    found = intrinsics_of(real_camera_info(d=()), is_rectified=False)
    assert found == Intrinsics(Camera(640, 480, 500, 505, 310, 245))


@pytest.mark.parametrize("is_rectified", [True, False])
def test_p_that_is_not_filled_in_falls_back_to_k(is_rectified: bool) -> None:
    message = real_camera_info(d=() if is_rectified else (0.1,))
    message.p = [0.0] * 12
    assert intrinsics_of(message, is_rectified).camera == Camera(640, 480, 500, 505, 310, 245)


@pytest.mark.parametrize("model", ["equidistant", "fisheye", "mystery"])
def test_other_distortion_models_are_refused_unless_the_picture_is_rectified(model: str) -> None:
    message = real_camera_info(model)
    with pytest.raises(CameraError, match=f"expected distortion_model plumb_bob or rational_polynomial, got '{model}'"):
        intrinsics_of(message, is_rectified=False)
    assert intrinsics_of(message, is_rectified=True).lens is None


def test_k_that_is_the_identity_is_refused_with_the_likely_reason() -> None:
    message = real_camera_info()
    message.k = np.eye(3).flatten()
    message.roi.width, message.roi.height, message.roi.do_rectify = 639, 479, True
    with pytest.raises(CameraError, match="got the identity: the camera is not calibrated, or only P is filled in"):
        intrinsics_of(message, is_rectified=False)
    assert intrinsics_of(message, is_rectified=True).camera.fx == 450


@pytest.mark.parametrize(
    ("focal", "said"), [(1.5, "other units than pixels"), (80.0, "other units"), (8000.0, "those of a larger image")]
)
def test_absurd_field_of_view_is_refused_with_the_likely_reason(focal: float, said: str) -> None:
    message = real_camera_info(d=())
    message.k[0] = message.k[4] = message.p[0] = message.p[5] = focal
    for is_rectified in (True, False):
        with pytest.raises(CameraError, match=f"field of view of 5 to 150 degrees, got .*: perhaps .*{said}"):
            intrinsics_of(message, is_rectified)


def test_narrow_region_of_interest_of_a_plausible_camera_is_taken() -> None:
    message = real_camera_info(d=())
    message.roi.width, message.roi.height = 20, 20
    assert intrinsics_of(message, is_rectified=False).camera.width == 20


@pytest.mark.parametrize("is_rectified", [True, False])
def test_lens_and_camera_follow_region_of_interest_and_binning(is_rectified: bool) -> None:
    message = real_camera_info()
    message.binning_x = message.binning_y = 2
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 100, 60, 400, 300
    found = intrinsics_of(message, is_rectified)
    assert found.camera == Camera(640, 480, 450, 470, 312, 243).cropped(100, 60, 400, 300).resized(200, 150)
    if not is_rectified:
        assert found.lens is not None
        assert found.lens.camera == Camera(640, 480, 500, 505, 310, 245).cropped(100, 60, 400, 300).resized(200, 150)
