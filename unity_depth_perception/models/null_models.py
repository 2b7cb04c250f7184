"""Null models, for a pipeline with only one of the two stages: depth NaN everywhere, or no objects."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation


class NullDepth:
    """Depth estimator whose depth is NaN everywhere."""

    name = "none"
    proposer = None

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        """NaN everywhere."""
        return DepthPrediction(torch.full(image.shape[:2], math.nan, device=self.device), is_metric=True)


class NullSegmenter:
    """Segmenter that finds no objects."""

    name = "none"
    proposer = None
    categories: tuple[str, ...] = ()

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> Segmentation:
        """Background everywhere."""
        return Segmentation(torch.zeros(image.shape[:2], dtype=torch.uint8, device=self.device), (), ())
