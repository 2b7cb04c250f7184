"""A depth estimator that looks at no pixel: the floor as the mean camera sees it.

What it scores is what a network would score that learned nothing but the cameras' usual height and pitch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError, InputError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.models.protocols import DepthPrediction


@dataclass(frozen=True)
class FloorPlane:
    """A level camera above a floor, looking down; no roll.

    Attributes:
        height_m: of the camera above the floor.
        pitch_rad: of the optical axis below the horizon.
        far_m: planar depth of everything at or above the horizon, and the most that the floor can have (walls).
    """

    height_m: float
    pitch_rad: float
    far_m: float

    def __post_init__(self) -> None:
        if not (self.height_m > 0 and self.far_m > 0 and -math.pi / 2 < self.pitch_rad <= math.pi / 2):
            raise InputError(f"expected height_m > 0, far_m > 0 and a pitch within 90 deg, got {self}")


# Medians over 500 virtual scenes: measure_floor_plane(render_samples(seeds=range(500), width=64, height=64)).
VIRTUAL_UNITY_FLOOR = FloorPlane(height_m=0.410, pitch_rad=0.664, far_m=1.24)


class FloorPlaneEstimator:
    """The floor-plane baseline behind the DepthEstimator protocol."""

    name = "floor-plane"

    def __init__(self, device: torch.device, floor: FloorPlane = VIRTUAL_UNITY_FLOOR) -> None:
        self.device = device
        self._floor = floor

    def infer(self, image: Tensor, camera: Camera) -> DepthPrediction:
        """The same floor for every image of this camera.

        A pixel's ray (x, y, 1) of the optical frame sinks by y cos(pitch) + sin(pitch) per metre of planar depth,
        and meets the floor after sinking by the camera's height.
        """
        y = (torch.arange(camera.height, dtype=torch.float32, device=self.device) - camera.cy) / camera.fy
        sinking = y * math.cos(self._floor.pitch_rad) + math.sin(self._floor.pitch_rad)
        depth_m = self._floor.height_m / sinking.clamp(min=self._floor.height_m / self._floor.far_m)
        return DepthPrediction(depth_m[:, None].expand(camera.height, camera.width).contiguous(), is_metric=True)


def measure_floor_plane(samples: Iterable[Sample]) -> FloorPlane:
    """The median camera over the floor z = 0, and the median depth of what lies at or above the horizon.

    Raises:
        DatasetError: no sample, or one without a camera pose or true depth, or none that sees the horizon.
    """
    heights, pitches, far = [], [], []
    for sample in samples:
        if sample.world_from_camera is None or sample.depth_m is None:
            raise DatasetError(f"{sample.name}: expected a camera pose and true depth to measure the floor plane from")
        heights.append(float(sample.world_from_camera[2, 3]))
        pitches.append(math.asin(float(np.clip(-sample.world_from_camera[2, 2], -1, 1))))
        above = _above_horizon(sample.camera, sample.world_from_camera) & np.isfinite(sample.depth_m)
        far.append(sample.depth_m[above])
    values = np.concatenate(far) if far else np.empty(0, dtype=np.float32)
    if values.size == 0:
        raise DatasetError(f"expected samples that see the horizon, got {len(heights)} samples without it")
    return FloorPlane(float(np.median(heights)), float(np.median(pitches)), float(np.median(values)))


def _above_horizon(camera: Camera, world_from_camera: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) pixels whose ray rises or stays level."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    rays = camera.unproject(np.stack([columns, rows], axis=-1), np.ones((camera.height, camera.width)))
    return np.asarray(rays @ world_from_camera[2, :3] >= 0)
