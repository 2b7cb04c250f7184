"""Undistortion against OpenCV, and a frame whose depth, cloud and camera belong to the rectified picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.ops.geometry import distorted_pixels, undistort

RAW = Camera(160, 120, 130.0, 128.0, 81.0, 58.0)
RECTIFIED = Camera(160, 120, 120.0, 121.0, 79.0, 60.0)
LENSES = {
    "plumb_bob": (-0.35, 0.12, 0.001, -0.002, 0.01),
    "rational_polynomial": (-0.2, 0.05, 0.001, 0.001, 0.003, 0.1, 0.02, 0.001),
    "none": (),
}


def scene() -> np.ndarray:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("distortion", LENSES.values(), ids=LENSES)
def test_undistortion_equals_opencv(distortion: tuple[float, ...]) -> None:
    lens, image = Lens(RAW, distortion), scene()
    d = np.array(lens.distortion)
    map_x, map_y = cv2.initUndistortRectifyMap(RAW.k, d, None, RECTIFIED.k, (160, 120), cv2.CV_32FC1)
    u, v = distorted_pixels(lens, RECTIFIED)
    assert np.abs(u.numpy() - map_x).max() < 1e-4
    assert np.abs(v.numpy() - map_y).max() < 1e-4
    found, is_seen = undistort(torch.from_numpy(image), lens, RECTIFIED)
    expected = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR)
    inside = (map_x >= 0) & (map_x <= 159) & (map_y >= 0) & (map_y <= 119)
    assert is_seen.numpy()[inside].mean() > 0.999
    error = np.abs(found.numpy().astype(int) - expected)[inside & is_seen.numpy()]
    assert error.max() <= 4, "OpenCV rounds positions to 1/32 px"
    assert error.mean() < 0.5
    assert (found[~is_seen] == 0).all()


def test_point_is_seen_where_the_distorted_ray_meets_the_raw_picture() -> None:
    """A 3D point projected through the lens by OpenCV, and through the rectified camera."""
    lens = Lens(RAW, LENSES["plumb_bob"])
    point = np.array([[0.2, -0.1, 1.0]])
    raw, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), RAW.k, np.array(lens.distortion))
    x, y = (round(float(v)) for v in RECTIFIED.project(point[0]))
    on_pixel = RECTIFIED.unproject((x, y), 1.0)[None]
    raw, _ = cv2.projectPoints(on_pixel, np.zeros(3), np.zeros(3), RAW.k, np.array(lens.distortion))
    u, v = distorted_pixels(lens, RECTIFIED)
    assert (float(u[y, x]), float(v[y, x])) == pytest.approx(raw[0, 0].tolist(), abs=1e-9)


def test_picture_without_distortion_is_left_as_it_is() -> None:
    image = torch.from_numpy(scene())
    found, is_seen = undistort(image, Lens(RAW, ()), RAW)
    assert torch.equal(found, image)
    assert is_seen.all()


def test_impossible_coefficients_are_refused() -> None:
    with pytest.raises(CameraError, match="up to 8 finite distortion coefficients"):
        Lens(RAW, (float("nan"),))
    with pytest.raises(CameraError, match="up to 8 finite"):
        Lens(RAW, (0.0,) * 9)
