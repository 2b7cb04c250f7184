"""DepthView: one image with its depth, camera and pose, as reconstruction takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.pose import require_rigid
from unity_depth_perception.ops.geometry import back_project, require_size


@dataclass(frozen=True)
class DepthView:
    """One posed view with depth; tensors on one device.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth_m: (H, W) float32 planar depth [m]; NaN invalid, +Inf sky.
        camera: intrinsics of both.
        world_from_camera: (4, 4) float64 pose of the optical frame.
        confidence: (H, W) float32, higher is more confident; None: all pixels alike.
        name: of the image.
    """

    image: Tensor
    depth_m: Tensor
    camera: Camera
    world_from_camera: NDArray[np.float64]
    confidence: Tensor | None = None
    name: str = ""

    def __post_init__(self) -> None:
        require_size(self.depth_m, self.camera, "depth")
        require_size(self.image, self.camera, "image")
        if self.confidence is not None:
            require_size(self.confidence, self.camera, "confidence")
        if self.world_from_camera.shape != (4, 4):
            raise InputError(f"expected a pose (4, 4), got {self.world_from_camera.shape}")
        require_rigid(self.world_from_camera)

    def scaled(self, factor: float) -> DepthView:
        """The same view with its depth multiplied by `factor`."""
        return replace(self, depth_m=self.depth_m * factor)

    def points(self, stride: int = 1) -> Tensor:
        """World points (h, w, 3) float32 of every `stride`-th row and column; NaN or Inf where depth is."""
        camera = back_project(self.depth_m, self.camera)[::stride, ::stride]
        pose = camera.new_tensor(self.world_from_camera)
        return camera @ pose[:3, :3].T + pose[:3, 3]
