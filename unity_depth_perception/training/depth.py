"""`train-depth`: the compact depth network on virtual Unity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CLASSES, CompactDepthNetwork
from unity_depth_perception.models.floor_readings import FloorReadings, doubt_loss, errors
from unity_depth_perception.models.room import along
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.batches import Batch, draw_batch, nearest, ray_channels
from unity_depth_perception.training.loop import TrainingConfig, fit, named_parts, part_config
from unity_depth_perception.training.shards import ShardSource
from unity_depth_perception.training.yardstick import train_yardstick

_AREAS_PX = ((0.4, 192 * 192), (1.0, 256 * 256))
"""Coarse images first: (until this progress, size of the images)."""
_OBJECT_SHARE = 0.4
_GRADIENT_WEIGHT = 0.5
_TRUSTED_SHARE, _NORMAL_NOISE, _HEIGHT_NOISE = 0.95, 0.028, 0.05
_NORMAL_WEIGHT, _HEIGHT_WEIGHT, _DOUBT_WEIGHT, _CLASS_WEIGHT = 0.5, 0.25, 0.05, 0.4
_FLOOR_RATIO = 0.01  # of the camera's height: what rises less is floor, but for a pixel's width


def train_depth(config: TrainingConfig) -> dict[str, Tensor]:
    """Train both networks of the compact depth back end, one after the other; the averaged weights of both.

    The yardstick learns faster: it gets a fourth of the steps and of the time.
    """
    parts = {
        "yardstick": train_yardstick(part_config(config, "yardstick", 0.25)),
        "dense": train_dense(part_config(config, "dense", 0.75)),
    }
    return named_parts(parts)


def train_dense(config: TrainingConfig) -> dict[str, Tensor]:
    """Train the network that sees whole images, from scratch (or resume), and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = CompactDepthNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        area = next(area for until, area in _AREAS_PX if progress <= until)
        batch = draw_batch(source.available(), rng, config.batch, area, config.device, least_crop=0.7)
        height, width = batch.depth_m.shape[1:]
        rays = ray_channels(batch.intrinsics, height, width)
        canonical = CANONICAL_FOCAL_PX / batch.intrinsics[:, :2].mean(dim=1)
        normal, log_height = batch.floor[:, :3], (batch.floor[:, 3] * canonical).log()
        encoding = network.encode(batch.image, rays)
        log_canonical, logits = network.decode(encoding, rays, *_given_floor(encoding.floor, normal, log_height))
        error = _upsampled(log_canonical, height, width) - (batch.depth_m * canonical[:, None, None]).log()
        return {
            **depth_losses(error, batch.instances > 0),
            **floor_losses(encoding.floor, normal, log_height),
            "class": _CLASS_WEIGHT * functional.cross_entropy(logits, classes(batch, logits.shape[2:])),
        }

    return fit(config, network, step_loss, part="dense")


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


def _given_floor(guess: FloorReadings, normal: Tensor, log_height: Tensor) -> tuple[Tensor, Tensor]:
    """The floor that the decoder is given: as a rule the truth, as far off as the yardstick's is; else the guess.

    Its errors follow Laplace's distribution (a normal one of exponentially distributed variance): most are small.
    """
    count = len(normal)
    trusted = torch.rand(count, device=normal.device) < _TRUSTED_SHARE
    deviation = (2 * torch.empty_like(log_height).exponential_()).sqrt()
    tilted = functional.normalize(normal + _NORMAL_NOISE * deviation[:, None] * torch.randn_like(normal), dim=1)
    scaled = log_height + _HEIGHT_NOISE * deviation * torch.randn_like(log_height)
    return torch.where(trusted[:, None], tilted, guess.normal), torch.where(trusted, scaled, guess.log_height)


def floor_losses(guess: FloorReadings, normal: Tensor, log_height: Tensor) -> dict[str, Tensor]:
    """How far the floor's normal (B, 3) and the camera's log canonical height (B,) are off, and their doubt."""
    tilt, height = errors(guess, normal, log_height)
    return {
        "normal": _NORMAL_WEIGHT * tilt.mean(),
        "height": _HEIGHT_WEIGHT * height.mean(),
        "doubt": _DOUBT_WEIGHT * doubt_loss(tilt + height, guess.log_error),
    }


def classes(batch: Batch, size: Sequence[int]) -> Tensor:
    """(B, h, w) int64 index into `CLASSES` of each pixel, at a size (h, w)."""
    shapes = torch.tensor(
        [0, *(CLASSES.index(name.rpartition("_")[2]) for name in CATEGORIES)], device=batch.image.device
    )
    of_object = torch.cat([torch.zeros_like(batch.category[:, :1]), shapes[batch.category + 1]], dim=1)  # (B, 33)
    small = nearest(batch.instances.float(), *size)
    objects = of_object.gather(1, small.flatten(1).long()).view(-1, *size)
    return torch.where((small == 0) & ~nearest(_is_floor(batch).float(), *size).bool(), CLASSES.index("wall"), objects)


def _is_floor(batch: Batch) -> Tensor:
    """(B, H, W) bool, whatever the floor carries."""
    rays = ray_channels(batch.intrinsics, *batch.depth_m.shape[1:])
    height_m, below_m = batch.floor[:, 3, None, None], along(batch.floor[:, :3], rays) * batch.depth_m
    pixel_m = batch.depth_m / batch.intrinsics[:, 0, None, None]
    return height_m - below_m < _FLOOR_RATIO * height_m + pixel_m


def _upsampled(values: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(values[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
