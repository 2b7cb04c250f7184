"""Pinhole camera: projection, intrinsics file, and refused values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError

SMALL = Camera.from_vertical_fov(1.0, 64, 48)
CAMERA = Camera(640, 480, 500.0, 510.0, 310.0, 250.0)


def test_unity_field_of_view_gives_its_focal_length() -> None:
    camera = Camera.from_vertical_fov(math.radians(60), 1024, 1024)
    assert (round(camera.fx, 2), round(camera.fy, 2)) == (886.81, 886.81)
    assert (camera.cx, camera.cy) == (511.5, 511.5)
    assert camera.vertical_fov_rad == pytest.approx(math.radians(60))


def test_the_field_of_view_reaches_the_outer_edges_of_the_outer_pixels() -> None:
    camera = Camera.from_vertical_fov(math.radians(50), 64, 48)
    top, bottom = camera.unproject([[0, -0.5], [0, 47.5]], [1, 1])[:, 1]
    assert math.atan(bottom) - math.atan(top) == pytest.approx(math.radians(50))


def test_project_and_unproject_are_inverse() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform([-0.5, -0.5], [639.5, 479.5], (1000, 2))
    depth = rng.uniform(0.1, 50, 1000)
    points = CAMERA.unproject(pixels, depth)
    assert np.abs(CAMERA.project(points) - pixels).max() < 1e-9
    np.testing.assert_array_equal(points[:, 2], depth)


def test_points_behind_the_camera_have_no_pixel() -> None:
    assert np.isnan(CAMERA.project([[0, 0, -1], [0, 0, 0], [0.1, 0, np.nan]])).all()


@pytest.mark.parametrize("size", [(320, 240), (1280, 960), (641, 479), (7, 1000)])
def test_camera_and_image_resized_together_see_the_same_points(size: tuple[int, int]) -> None:
    resized = CAMERA.resized(*size)
    scale = np.array([size[0] / 640, size[1] / 480])
    pixels = np.array([[-0.5, -0.5], [639.5, 479.5], [100, 200], [0, 0]])  # corners of the image among them
    np.testing.assert_allclose(
        resized.unproject((pixels + 0.5) * scale - 0.5, np.ones(4)), CAMERA.unproject(pixels, np.ones(4)), atol=1e-12
    )


def test_resizing_back_gives_the_same_camera() -> None:
    assert CAMERA.resized(77, 1201).resized(640, 480).p == pytest.approx(CAMERA.p)


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1920, 1440), (213, 160), (214, 160), (640, 481), (1, 1)])
def test_image_of_the_same_proportions_gets_the_resized_camera(size: tuple[int, int]) -> None:
    assert CAMERA.of_image(*size) == CAMERA.resized(*size)


@pytest.mark.parametrize("size", [(480, 640), (640, 360), (640, 482), (216, 160), (0, 0), (0, 1), (-4, -3)])
def test_image_of_other_proportions_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CameraError, match="expected an image"):
        CAMERA.of_image(*size)


@pytest.mark.parametrize("rounded", [math.floor, round, math.ceil], ids=["floor", "round", "ceil"])
@pytest.mark.parametrize("shape", [(640, 480), (1023, 767), (333, 1000), (7, 5)])
def test_every_resampled_image_keeps_its_proportions(shape: tuple[int, int], rounded: Callable[[float], int]) -> None:
    camera = Camera.from_vertical_fov(1.0, *shape)
    for scale in np.random.default_rng(0).uniform(0.01, 4, 500):
        size = [max(rounded(scale * side), 1) for side in shape]
        assert camera.has_proportions(*size), (scale, size)


def test_proportions_are_the_same_where_a_common_scale_exists() -> None:
    """Against the definition: is there an s with |width - s W| < 1 and |height - s H| < 1?"""
    for width in range(1, 130):
        for height in range(1, 100):
            low = max(Fraction(width - 1, 64), Fraction(height - 1, 48))
            high = min(Fraction(width + 1, 64), Fraction(height + 1, 48))
            assert SMALL.has_proportions(width, height) == (low < high), (width, height)


def test_a_crop_sees_the_same_points() -> None:
    cropped = CAMERA.cropped(100, 50, 200, 300)
    assert (cropped.width, cropped.height) == (200, 300)
    np.testing.assert_allclose(cropped.unproject([10, 20], 2.0), CAMERA.unproject([110, 70], 2.0))


def test_matrices_hold_the_intrinsics() -> None:
    np.testing.assert_array_equal(CAMERA.k, [[500, 0, 310], [0, 510, 250], [0, 0, 1]])
    np.testing.assert_array_equal(CAMERA.p, np.c_[CAMERA.k, np.zeros(3)])
    assert Camera.from_k(CAMERA.k.ravel(), 640, 480) == CAMERA
    assert CAMERA.focal_px == 505


def test_unity_projection_matrix_gives_the_same_camera() -> None:
    """Unity's matrix of a camera with a 60 degree field of view, without and with lens shift."""
    f = 1 / math.tan(math.radians(30))
    matrix = np.array([[f / 2, 0, 0, 0], [0, f, 0, 0], [0, 0, -1, -0.2], [0, 0, -1, 0]])
    camera = Camera.from_projection_matrix(matrix, 800, 400)
    assert camera.p == pytest.approx(Camera.from_vertical_fov(math.radians(60), 800, 400).p)
    matrix[0, 2], matrix[1, 2] = 0.1, 0.2
    shifted = Camera.from_projection_matrix(matrix, 800, 400)
    # What lies on the optical axis, (0, 0, -1) in OpenGL's frame, lands at ndc = (-P02, -P12), y up.
    assert shifted.project([0, 0, 1.0]) == pytest.approx([(1 - 0.1) * 400 - 0.5, (1 + 0.2) * 200 - 0.5])


def test_intrinsics_file_round_trip_keeps_the_camera(tmp_path: Path) -> None:
    path = tmp_path / "camera_intrinsics.json"
    path.write_text(json.dumps(CAMERA.to_intrinsics()))
    assert Camera.from_intrinsics_file(path).p == pytest.approx(CAMERA.p)


def test_unitys_principal_point_counts_from_the_corner() -> None:
    data = {
        "fov_vertical": 60,
        "width": 1024,
        "height": 1024,
        "focal_length_x": 886.81,
        "focal_length_y": 886.81,
        "principal_point_x": 512,
        "principal_point_y": 512,
    }
    assert (Camera.from_intrinsics(data).cx, Camera.from_intrinsics(data).cy) == (511.5, 511.5)
    assert Camera.from_intrinsics(data | {"pixel_origin": "pixel_centre"}).cx == 512


def _without(key: str) -> str:
    return json.dumps({k: v for k, v in CAMERA.to_intrinsics().items() if k != key})


def _with(**changes: object) -> str:
    return json.dumps(CAMERA.to_intrinsics() | changes)


BAD_FILES = {
    "empty": ("", "got an empty file"),
    "blank": (" \n", "got an empty file"),
    "not JSON": ("fov: 60", "as JSON"),
    "cut off": (_with()[:40], "as JSON"),
    "a list": ("[1, 2]", "got list"),
    "without a key": (_without("focal_length_y"), "missing: focal_length_y"),
    "a text": (_with(focal_length_x="886"), "focal_length_x, got '886'"),
    "null": (_with(principal_point_x=None), "principal_point_x, got None"),
    "a truth value": (_with(width=True), "width, got True"),
    "NaN width": (_with(width=math.nan), "finite number for width"),
    "infinite principal point": (_with(principal_point_y=math.inf), "finite number for principal_point_y"),
    "negative size": (_with(width=-640), "at least 1 x 1 px, got -640 x 480"),
    "no size": (_with(height=0), "at least 1 x 1 px, got 640 x 0"),
    "half a pixel": (_with(width=640.5), "whole number of pixels, got width 640.5"),
    "zero focal length": (_with(focal_length_x=0), "focal length fx > 0 px, got 0"),
    "negative focal length": (_with(focal_length_y=-3.0), "focal length fy > 0 px, got -3"),
    "unknown origin": (_with(pixel_origin="middle"), "pixel_origin .* got 'middle'"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_intrinsics_file_is_refused_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "camera_intrinsics.json"
    path.write_text(text)
    with pytest.raises(CameraError, match=rf"camera_intrinsics\.json: .*{message}"):
        Camera.from_intrinsics_file(path)


def test_a_missing_or_binary_intrinsics_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot read"):
        Camera.from_intrinsics_file(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CameraError, match="cannot read"):
        Camera.from_intrinsics_file(tmp_path / "binary.json")


BAD_CAMERAS: dict[str, tuple[Callable[[], Camera], str]] = {
    "NaN focal length": (lambda: Camera(4, 4, math.nan, 1, 1, 1), "fx > 0 px, got nan"),
    "infinite focal length": (lambda: Camera(4, 4, 1, math.inf, 1, 1), "fy > 0 px, got inf"),
    "NaN principal point": (lambda: Camera(4, 4, 1, 1, math.nan, 1), "principal point"),
    "no pixel": (lambda: Camera(0, 4, 1, 1, 1, 1), "at least 1 x 1 px"),
    "field of view 0": (lambda: Camera.from_vertical_fov(0, 4, 4), "got 0 deg"),
    "field of view 180": (lambda: Camera.from_vertical_fov(math.pi, 4, 4), "got 180 deg"),
    "field of view NaN": (lambda: Camera.from_vertical_fov(math.nan, 4, 4), "got nan deg"),
    "field of view without image": (lambda: Camera.from_vertical_fov(1, 4, 0), "at least 1 x 1 px"),
    "K of 8": (lambda: Camera.from_k([1.0] * 8, 4, 4), "9 values, got 8"),
    "K of zeros": (lambda: Camera.from_k([0.0] * 9, 4, 4), "fx > 0 px, got 0"),
    "projection 3 x 4": (lambda: Camera.from_projection_matrix(np.eye(4)[:3], 4, 4), r"got shape \(3, 4\)"),
    "resized to nothing": (lambda: CAMERA.resized(0, 4), "at least 1 x 1 px"),
    "cropped to nothing": (lambda: CAMERA.cropped(0, 0, 4, 0), "at least 1 x 1 px"),
}


@pytest.mark.parametrize(("make", "message"), BAD_CAMERAS.values(), ids=BAD_CAMERAS.keys())
def test_an_impossible_camera_is_refused(make: Callable[[], Camera], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        make()
