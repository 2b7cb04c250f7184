"""A result for tests of the page without a network: a floor of known depth and two objects, one on the other."""

from __future__ import annotations

import numpy as np
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.perception import ImagePerception
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

CAMERA = Camera.from_vertical_fov(np.deg2rad(60), 80, 60)
CATEGORIES = ("red_cube", "blue_parallelepiped")
SKY, HOLE, CUBE, BLOCK, FLOOR = (5, 2), (75, 50), (30, 40), (30, 25), (70, 30)
"""Pixels (column, row) of the result's parts."""


def result(name: str = "room.png", depth_factor: float = 1.0) -> ImagePerception:
    """Depth 2 m, 1 m on the cube and 1.25 m on the block above it, sky above, a hole at the lower right."""
    depth_m = torch.full((60, 80), 2.0)
    instances = torch.zeros((60, 80), dtype=torch.uint8)
    slant_m = 0.002 * (torch.arange(80) - CUBE[0])  # a surface across the view would have no box
    depth_m[30:50, 20:45], instances[30:50, 20:45] = (1.0 + slant_m)[20:45], 1
    depth_m[15:30, 25:40], instances[15:30, 25:40] = (1.25 + slant_m)[25:40], 2
    depth_m[:5], depth_m[45:, 70:] = torch.inf, torch.nan
    image = np.random.default_rng(5).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    found = PerceptionPipeline(None, None).process(
        Frame(image, CAMERA, frame_id=name),
        depth=DepthPrediction(depth_m * depth_factor, is_metric=True, scale_source="given"),
        segmentation=Segmentation(instances, CATEGORIES, (0.9, 0.8)),
    )
    return ImagePerception(found)
