"""The metric Depth Anything networks, ready to learn. What is frozen by default is their DINOv2 encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_2.weights import hub_names
from unity_depth_perception.models.depth_anything_3.alignment import metres_from
from unity_depth_perception.models.depth_anything_3.estimator import MetricDepth
from unity_depth_perception.models.depth_anything_3.network import Branch
from unity_depth_perception.models.fine_tuned import da2_description, da3_description
from unity_depth_perception.models.runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from unity_depth_perception.training.data.batches import Batch
from unity_depth_perception.training.fine_tuning.silog import silog

_LEARNING_RATE = 5e-5  # of the head in the metric training of Depth Anything V2 (metric_depth/train.py)
_LEAST_UNIT = 1e-6  # of the sigmoid's output: below it there is no log to learn from
_SKY_WEIGHT = 0.1


class TrainableDa2:
    """See `Trainable`. The network is not told the camera: it sees whole images, and learns what metres look like."""

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
        """(B, H, W) log metres."""
        height, width = batch.image.shape[2:]
        seen = _seen(batch.image, self._estimator.seen_size(width, height))
        unit = self._estimator.network.of_batch(seen).clamp(min=_LEAST_UNIT)
        return _resized(unit.log(), height, width) + math.log(self._estimator.variant.max_depth_m)

    def multiply(self, factor: float) -> None:
        """The output is a share of the greatest depth: scale that."""
        variant = self._estimator.variant
        self._estimator.variant = replace(variant, max_depth_m=variant.max_depth_m * factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Under the hub's names, whichever version of transformers is installed."""
        variant = replace(self._estimator.variant, trained_focal=None)
        return hub_names(self._estimator.network.net.state_dict()), da2_description(variant)


class TrainableDa3:
    """See `Trainable`. Metres follow from the focal length at the size that the network sees; it learns the sky too."""

    area_px = 504 * 504
    least_crop = 0.7
    learning_rate = _LEARNING_RATE

    def __init__(self, estimator: MetricDepth) -> None:
        self._estimator = estimator
        self._branch = cast(Branch, estimator.branch)

    def parts(self, backbone: bool) -> nn.Module:
        """The DPT head, or everything."""
        net = self._branch.net.requires_grad_(False)
        part: nn.Module = net if backbone else net.head
        return part.requires_grad_(True)

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """SILog, and the mean absolute error of the sky, 1 where the truth is +Inf: both come from one trunk."""
        log_depth, sky = self._look(batch)
        known = ~torch.isnan(batch.depth_m)
        error = torch.where(known, (sky - torch.isposinf(batch.depth_m).float()).abs(), 0.0)
        return {"silog": silog(log_depth, batch.depth_m), "sky": _SKY_WEIGHT * error.sum() / known.sum().clamp(min=1)}

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """(B, H, W) log metres, under the sky too."""
        return self._look(batch)[0]

    def multiply(self, factor: float) -> None:
        """Depth is the exponential of the last layer's output: add to its bias."""
        with torch.no_grad():
            self._branch.net.head.scratch.output_conv2[-1].bias += math.log(factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """As the reference's front end saves them."""
        return nn.ModuleDict({"model": self._branch.net}).state_dict(), da3_description()

    def _look(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log metres and sky (B, H, W)."""
        height, width = batch.image.shape[2:]
        w, h = self._estimator.seen_size(width, height)
        depth, sky = self._branch.of_batch(_seen(batch.image, (w, h)))
        focal_px = (batch.intrinsics[:, :2] * batch.intrinsics.new_tensor([w / width, h / height])).mean(dim=1)
        log_depth = metres_from(depth, focal_px[:, None, None]).log()
        return _resized(log_depth, height, width), _resized(sky, height, width)


def _seen(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, 3, H, W) RGB 0..1 as the networks see them: (B, 3, h, w), normalised; `size` is w, h."""
    small = transforms.resize(image, [size[1], size[0]], antialias=True)
    mean, std = (small.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    seen: Tensor = ((small - mean) / std).contiguous()
    return seen


def _resized(values: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(values[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
