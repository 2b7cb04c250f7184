"""Measurement of the constants of the floor-plane baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.ground_plane import up_from_pose
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.models.floor_plane_baseline import FloorPlane


def measure_floor_plane(samples: Iterable[Sample]) -> FloorPlane:
    """Median height and pitch of the cameras over the floor z = 0, and median depth at and above the horizon.

    Raises:
        DatasetError: no sample, or one without a camera pose or true depth, or none that sees the horizon.
    """
    heights, pitches, far = [], [], []
    for sample in samples:
        if sample.world_from_camera is None or sample.depth_m is None:
            raise DatasetError(f"{sample.name}: expected a camera pose and true depth to measure the floor plane from")
        heights.append(float(sample.world_from_camera[2, 3]))
        up = up_from_pose(sample.world_from_camera)
        pitches.append(math.asin(float(np.clip(-up[2], -1, 1))))
        above = _above_horizon(sample.camera, up) & np.isfinite(sample.depth_m)
        far.append(sample.depth_m[above])
    values = np.concatenate(far) if far else np.empty(0, dtype=np.float32)
    if values.size == 0:
        raise DatasetError(f"expected samples that see the horizon, got {len(heights)} samples without it")
    return FloorPlane(float(np.median(heights)), float(np.median(pitches)), float(np.median(values)))


def _above_horizon(camera: Camera, up: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels at or above the horizon, whose ray does not fall; `up` (3,) is against gravity."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    rays = camera.unproject(np.stack([columns, rows], axis=-1), np.ones((camera.height, camera.width)))
    return np.asarray(rays @ up >= 0)
