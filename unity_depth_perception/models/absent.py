"""What stands in for a stage that a node does not have: nothing is known, and nothing is found."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation


class AbsentDepth:
    """No pixel has a depth."""

    name = "none"

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def infer(self, image: Tensor, camera: Camera) -> DepthPrediction:
        """NaN everywhere."""
        return DepthPrediction(torch.full(image.shape[:2], math.nan, device=self.device), is_metric=True)


class AbsentSegmenter:
    """No image has an object."""

    name = "none"
    categories: tuple[str, ...] = ()

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def infer(self, image: Tensor) -> Segmentation:
        """Background everywhere."""
        return Segmentation(torch.zeros(image.shape[:2], dtype=torch.uint8, device=self.device), (), ())
