"""Stages whose results are known, and frames for them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import PoseError
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(math.radians(60), 64, 48)


class RefusingPoses:
    """Before the class of a depth model: that model refuses every gravity, as if it contradicted the image."""

    def infer(
        self,
        image: torch.Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> Any:
        if gravity is not None:
            raise PoseError("down is elsewhere")
        return super().infer(image, camera, gravity, proposals)  # type: ignore[misc]


class NotingProposals:
    """Before the class of a stage: that stage notes the proposals that it gets."""

    def infer(
        self,
        image: torch.Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> Any:
        self.got = None if proposals is None else proposals()
        return super().infer(image, camera, gravity, proposals)  # type: ignore[misc]


@dataclass
class FlatDepth:
    """The same depth everywhere."""

    depth_m: float = 2.0
    is_metric: bool = True
    name: str = "flat"
    device: torch.device = CPU
    seen: list[torch.Tensor] = field(default_factory=list)
    gravity: Gravity | None = None

    @property
    def proposer(self) -> None:
        return None

    def infer(
        self,
        image: torch.Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> DepthPrediction:
        self.seen.append(image)
        self.gravity = gravity
        return DepthPrediction(torch.full(image.shape[:2], self.depth_m), self.is_metric)


@dataclass
class Rectangles:
    """Fixed rectangles (category, x_min, y_min, x_max, y_max), the last one in front."""

    boxes: tuple[tuple[str, int, int, int, int], ...] = (
        ("red_cube", 4, 10, 24, 30),
        ("blue_parallelepiped", 30, 20, 50, 25),
    )
    name: str = "rectangles"
    device: torch.device = CPU
    categories: tuple[str, ...] = ("red_cube", "blue_parallelepiped")
    told: tuple[Camera, NDArray[np.float64] | None] | None = None

    @property
    def proposer(self) -> None:
        return None

    def infer(
        self,
        image: torch.Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> Segmentation:
        self.told = camera, gravity
        instances = torch.zeros(image.shape[:2], dtype=torch.uint8)
        for k, (_, x_min, y_min, x_max, y_max) in enumerate(self.boxes):
            instances[y_min:y_max, x_min:x_max] = k + 1
        return Segmentation(
            instances, tuple(b[0] for b in self.boxes), tuple(0.9 - k / 10 for k in range(len(self.boxes)))
        )


def frame(seed: int = 0) -> Frame:
    image = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Frame(image, CAMERA, stamp_ns=123, frame_id="unity_camera_optical")


def stacked() -> tuple[torch.Tensor, torch.Tensor, NDArray[np.float64]]:
    """Depth and instances of a box on a cube of 1 m before a wall, seen from above by 45 degrees, and the pose."""
    camera = CAMERA
    c = math.sqrt(0.5)
    pose = np.eye(4)
    pose[:3, :3] = np.array([[1, 0, 0], [0, -c, c], [0, -c, -c]])  # columns: right, down, forward in a z-up world
    pose[:3, 3] = [0, -4, 4.5]
    v, u = np.mgrid[:48, :64]
    rays = camera.unproject(np.stack([u, v], -1), np.ones((48, 64))) @ pose[:3, :3].T
    depth, owner = -pose[2, 3] / rays[..., 2], np.zeros((48, 64), np.uint8)
    boxes = [((-0.5, -0.5, 0), (0.5, 0.5, 1)), ((-0.2, -0.2, 1), (0.3, 0.2, 1.8))]
    for k, (low, high) in enumerate(boxes):
        with np.errstate(divide="ignore"):
            bounds = np.sort([(np.array(b) - pose[:3, 3]) / rays for b in (low, high)], axis=0)
        near, far = bounds[0].max(-1), bounds[1].min(-1)
        hit = (near < far) & (near < depth)
        depth, owner = np.where(hit, near, depth), np.where(hit, k + 1, owner).astype(np.uint8)
    return torch.from_numpy(depth.astype(np.float32)), torch.from_numpy(owner), pose
