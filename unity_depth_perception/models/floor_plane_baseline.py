"""Baseline depth that ignores the image: a flat floor below a camera of median height and pitch.

Its accuracy is that of a network which learned nothing but the usual height and pitch of the cameras.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction


@dataclass(frozen=True)
class FloorPlane:
    """Flat floor seen by a camera without roll.

    Attributes:
        height_m: of the camera above the floor.
        pitch_rad: of the optical axis below the horizon.
        far_m: upper bound of the planar depth, also used at and above the horizon (where walls are).
    """

    height_m: float
    pitch_rad: float
    far_m: float

    def __post_init__(self) -> None:
        if not (self.height_m > 0 and self.far_m > 0 and -math.pi / 2 < self.pitch_rad <= math.pi / 2):
            raise InputError(f"expected height_m > 0, far_m > 0 and a pitch within 90 deg, got {self}")


# Medians over 500 virtual scenes: evaluation.baseline.measure_floor_plane(render_samples(range(500), 64, 64)).
VIRTUAL_UNITY_FLOOR = FloorPlane(height_m=0.410, pitch_rad=0.664, far_m=1.24)


class FloorPlaneEstimator:
    """Depth estimator of the floor-plane baseline."""

    name = "floor-plane"
    proposer = None

    def __init__(self, device: torch.device, floor: FloorPlane = VIRTUAL_UNITY_FLOOR) -> None:
        self.device = device
        self._floor = floor

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        """Depth of the floor; the same for every image of this camera.

        The ray (x, y, 1) of a pixel descends by y cos(pitch) + sin(pitch) per metre of planar depth; it meets the floor
        where it has descended by the camera's height.
        """
        y = (torch.arange(camera.height, dtype=torch.float32, device=self.device) - camera.cy) / camera.fy
        descent = y * math.cos(self._floor.pitch_rad) + math.sin(self._floor.pitch_rad)
        depth_m = self._floor.height_m / descent.clamp(min=self._floor.height_m / self._floor.far_m)
        image_m = depth_m[:, None].expand(camera.height, camera.width).contiguous()
        return DepthPrediction(image_m, is_metric=True, scale_source="learned")
