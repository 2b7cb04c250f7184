"""`train-depth`: the compact depth network on virtual Unity."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.training.batches import draw_batch, ray_channels
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.pool import ScenePool

_AREAS_PX = ((0.4, 160 * 160), (0.75, 208 * 208), (1.0, 256 * 256))
"""Coarse images first: (until this progress, size of the images)."""
_OBJECT_SHARE = 0.4
_GRADIENT_WEIGHT = 0.5


def train_depth(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = CompactDepthNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()

    def step_loss(pool: ScenePool, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        area = next(area for until, area in _AREAS_PX if progress <= until)
        batch = draw_batch(pool.available(), rng, config.batch, area, config.device, least_crop=0.7)
        height, width = batch.depth_m.shape[1:]
        log_canonical = network(batch.image, ray_channels(batch.intrinsics, height, width))
        log_canonical = functional.interpolate(log_canonical[:, None], size=(height, width), mode="bilinear")[:, 0]
        focal = batch.intrinsics[:, :2].mean(dim=1)
        truth = (batch.depth_m * (CANONICAL_FOCAL_PX / focal)[:, None, None]).log()
        return depth_losses(log_canonical - truth, batch.instances > 0)

    return fit(config, network, step_loss)


def depth_losses(log_error: Tensor, is_object: Tensor) -> dict[str, Tensor]:
    """Mean absolute log error, the objects' pixels holding a fixed share of the weight, and the error of its gradients.

    The gradient term is the scale-invariant gradient matching of MegaDepth (Li & Snavely, CVPR 2018), on log depth.

    Args:
        log_error: (B, H, W) predicted minus true log depth.
        is_object: (B, H, W) bool.
    """
    mask = is_object.float()
    share = mask.mean(dim=(1, 2), keepdim=True).clamp(min=0.02, max=0.98)
    weight = mask * (_OBJECT_SHARE / share) + (1 - mask) * ((1 - _OBJECT_SHARE) / (1 - share))
    gradient = torch.zeros((), device=log_error.device)
    for step in (1, 2, 4):
        coarse = log_error[:, ::step, ::step]
        gradient = gradient + coarse.diff(dim=1).abs().mean() + coarse.diff(dim=2).abs().mean()
    return {"log_error": (weight * log_error.abs()).mean(), "gradient": _GRADIENT_WEIGHT * gradient}
