"""Which intrinsics an image gets, and how they follow its size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from stand_ins import HEIGHT, WIDTH, camera, camera_info

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.dataset.pairing.intrinsics import IntrinsicsSelector


def test_camera_info_takes_precedence_over_file_and_field_of_view(tmp_path: Path) -> None:
    path = tmp_path / "camera_intrinsics.json"
    from_file = Camera.from_vertical_fov(0.5, WIDTH, HEIGHT)
    path.write_text(json.dumps(from_file.to_intrinsics()))
    intrinsics = IntrinsicsSelector(str(path), vertical_fov_deg=90.0)
    assert intrinsics.of_image(WIDTH, HEIGHT).camera.fx == pytest.approx(from_file.fx)
    intrinsics.update(camera_info())
    assert intrinsics.of_image(WIDTH, HEIGHT).camera == camera()


def test_field_of_view_holds_for_any_image_size() -> None:
    assert IntrinsicsSelector(vertical_fov_deg=60.0).of_image(1024, 1024).camera.fx == pytest.approx(886.81, abs=0.01)


def test_error_without_intrinsics_says_what_to_set() -> None:
    with pytest.raises(CameraError, match="waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"):
        IntrinsicsSelector().of_image(WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [(32, 24), (640, 480), (63, 47), (21, 15)], ids=["binned", "larger", "cut", "odd"])
def test_intrinsics_are_scaled_to_an_image_of_the_same_proportions(size: tuple[int, int]) -> None:
    intrinsics = IntrinsicsSelector()
    intrinsics.update(camera_info())
    scaled = intrinsics.of_image(*size).camera
    assert scaled == camera().resized(*size)
    assert scaled.vertical_fov_rad == pytest.approx(camera().vertical_fov_rad)
    assert intrinsics.description == f"camera_info 64 x 48, scaled to {size[0]} x {size[1]}"


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (640, 470), (1, 48), (67, 48)])
def test_intrinsics_of_an_image_of_other_proportions_are_refused(size: tuple[int, int]) -> None:
    intrinsics = IntrinsicsSelector()
    intrinsics.update(camera_info())
    said = f"camera_info: expected an image with the proportions of .* 64 x 48 px, got {size[0]} x {size[1]}"
    with pytest.raises(CameraError, match=said):
        intrinsics.of_image(*size)


def test_age_of_camera_info_counts_from_the_last_valid_one() -> None:
    intrinsics = IntrinsicsSelector()
    assert intrinsics.age_s is None
    intrinsics.update(camera_info())
    assert intrinsics.age_s is not None
    assert intrinsics.age_s >= 0


def test_invalid_camera_info_leaves_the_last_valid_one_in_use() -> None:
    intrinsics, bad = IntrinsicsSelector(), camera_info()
    bad.k[0] = 0.0
    intrinsics.update(camera_info())
    with pytest.raises(CameraError, match="focal"):
        intrinsics.update(bad)
    assert intrinsics.of_image(WIDTH, HEIGHT).camera == camera()


@pytest.mark.parametrize("content", [None, "", "no json", "{}", '{"width": -1}'])
def test_error_names_the_bad_intrinsics_file(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "intrinsics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CameraError, match=r"intrinsics\.json"):
        IntrinsicsSelector(str(path))
