"""Trainable metric Depth Anything back ends; their backbone, frozen by default, is the DINOv2 encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_2.weights import hub_names
from unity_depth_perception.models.depth_anything_3.alignment import metres_from
from unity_depth_perception.models.depth_anything_3.estimator import MetricDepth
from unity_depth_perception.models.depth_anything_3.network import DepthAnything3Network
from unity_depth_perception.models.fine_tuned import da2_description, da3_description
from unity_depth_perception.models.runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from unity_depth_perception.training.data.batches import Batch, bilinear
from unity_depth_perception.training.fine_tuning.silog import silog

_LEARNING_RATE = 5e-5  # of the head in the metric training of Depth Anything V2 (metric_depth/train.py)
_LEAST_UNIT = 1e-6  # of the sigmoid's output, before the log
_SKY_WEIGHT = 0.1


class TrainableDa2:
    """See `Trainable`. The network does not know the camera, so it is trained on whole images."""

    area_px = 518 * 518
    least_crop = 1.0
    learning_rate = _LEARNING_RATE

    def __init__(self, estimator: DepthAnythingV2) -> None:
        self._estimator = estimator

    def parts(self, backbone: bool) -> nn.Module:
        """Neck and head, or everything."""
        net = self._estimator.network.net.requires_grad_(False)
        part: nn.Module = net if backbone else nn.ModuleDict({"neck": net.neck, "head": net.head})
        return part.requires_grad_(True)

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """SILog."""
        return {"silog": silog(self.log_depth(batch, rng), batch.depth_m)}

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Log depth in metres (B, H, W)."""
        height, width = batch.image.shape[2:]
        pixels = _network_input(batch.image, self._estimator.network_size(width, height))
        unit = self._estimator.network.of_batch(pixels).clamp(min=_LEAST_UNIT)
        return bilinear(unit.log(), height, width) + math.log(self._estimator.variant.max_depth_m)

    def scale_depth(self, factor: float) -> None:
        """Scale the model's maximum depth; the network's output is a fraction of it."""
        variant = self._estimator.variant
        self._estimator.variant = replace(variant, max_depth_m=variant.max_depth_m * factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Tensors named as on the hub, whichever version of transformers is installed."""
        variant = replace(self._estimator.variant, trained_focal=None)
        return hub_names(self._estimator.network.net.state_dict()), da2_description(variant)


class TrainableDa3:
    """See `Trainable`. Depth is proportional to the focal length at the network's input size; sky is trained too."""

    area_px = 504 * 504
    least_crop = 0.7
    learning_rate = _LEARNING_RATE

    def __init__(self, estimator: MetricDepth) -> None:
        self._estimator = estimator
        self._branch = cast(DepthAnything3Network, estimator.network)

    def parts(self, backbone: bool) -> nn.Module:
        """The DPT head, or everything."""
        net = self._branch.net.requires_grad_(False)
        part: nn.Module = net if backbone else net.head
        return part.requires_grad_(True)

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """SILog, and mean absolute error of the sky (true where depth is +Inf), whose head shares layers with depth."""
        log_depth, sky = self._predict(batch)
        known = ~torch.isnan(batch.depth_m)
        error = torch.where(known, (sky - torch.isposinf(batch.depth_m).float()).abs(), 0.0)
        return {"silog": silog(log_depth, batch.depth_m), "sky": _SKY_WEIGHT * error.sum() / known.sum().clamp(min=1)}

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Log depth in metres (B, H, W), in the sky too."""
        return self._predict(batch)[0]

    def scale_depth(self, factor: float) -> None:
        """Change the bias of the last layer, whose output is the log depth."""
        with torch.no_grad():
            self._branch.net.head.scratch.output_conv2[-1].bias += math.log(factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Tensors named as by the reference implementation."""
        return nn.ModuleDict({"model": self._branch.net}).state_dict(), da3_description()

    def _predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log depth in metres and sky, (B, H, W) each."""
        height, width = batch.image.shape[2:]
        w, h = self._estimator.network_size(width, height)
        depth, sky = self._branch.of_batch(_network_input(batch.image, (w, h)))
        focal_px = (batch.intrinsics[:, :2] * batch.intrinsics.new_tensor([w / width, h / height])).mean(dim=1)
        log_depth = metres_from(depth, focal_px[:, None, None]).log()
        return bilinear(log_depth, height, width), bilinear(sky, height, width)


def _network_input(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, 3, H, W) RGB 0..1, resized to `size` (w, h) and normalised."""
    small = transforms.resize(image, [size[1], size[0]], antialias=True)
    mean, std = (small.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    normalised: Tensor = ((small - mean) / std).contiguous()
    return normalised
