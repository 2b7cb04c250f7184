"""Training of the compact depth model, dense network and cube scale, on virtual Unity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.compact.depth_network import CANONICAL_FOCAL_PX, CLASSES, CompactDepthNetwork
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates, estimate_errors, laplace_nll
from unity_depth_perception.models.compact.room_layout import component_along
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.compact.cube_scale import train_cube_scale
from unity_depth_perception.training.data.batches import Batch, bilinear, draw_batch, ray_channels
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig, part_config
from unity_depth_perception.training.engine.fit import fit, low_precision, named_parts

_AREAS_PX = ((0.4, 192 * 192), (1.0, 256 * 256))
"""Curriculum of image sizes: (until this progress, area of the images)."""
_OBJECT_WEIGHT = 0.4  # share of the objects' pixels in the depth loss
_GRADIENT_WEIGHT = 0.5
_TRUE_SHARE, _ENCODER_SHARE, _NORMAL_NOISE = 0.4, 0.05, 0.028  # of the floor normals given to the decoder
_NORMAL_WEIGHT, _HEIGHT_WEIGHT, _NLL_WEIGHT, _CLASS_WEIGHT = 0.5, 0.25, 0.05, 0.4
_FLOOR_RATIO, _FLOOR_PX = 0.002, 0.3  # tolerance of the floor: share of the camera's height, and pixels


def train_depth(config: TrainingConfig) -> dict[str, Tensor]:
    """Train both networks of the compact depth back end, one after the other, and return their EMA weights.

    The cube scale takes a quarter of the steps and of the time.
    """
    parts = {
        "cube_scale": train_cube_scale(part_config(config, "cube_scale", 0.25)),
        "dense": train_dense(part_config(config, "dense", 0.75)),
    }
    return named_parts(parts)


def train_dense(config: TrainingConfig) -> dict[str, Tensor]:
    """Train the dense network from scratch (or resume) and return the EMA weights."""
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
        with low_precision(config.device):
            encoding = network.encode(batch.image, rays)
            given = _given_normal(encoding.floor.normal, normal)
            log_ratio, logits = network.decode(encoding, rays, given)
        log_height_m = batch.floor[:, 3].log() + _height_error(normal, given, rays, batch.instances > 0)
        error = bilinear(log_ratio, height, width) + log_height_m[:, None, None] - batch.depth_m.log()
        return {
            **depth_losses(error, batch.instances > 0),
            **floor_losses(encoding.floor, normal, log_height),
            "class": _CLASS_WEIGHT * functional.cross_entropy(logits, _class_shares(classes(batch), logits.shape[2:])),
        }

    return fit(config, network, step_loss, part="dense")


def depth_losses(log_depth_error: Tensor, is_object: Tensor) -> dict[str, Tensor]:
    """Mean absolute log depth error, in which the objects' pixels have a fixed share of the weight, and gradient loss.

    The gradient term is the scale-invariant gradient matching of MegaDepth (Li & Snavely, CVPR 2018), on log depth.

    Args:
        log_depth_error: (B, H, W) predicted minus true log depth.
        is_object: (B, H, W) bool.
    """
    mask = is_object.float()
    share = mask.mean(dim=(1, 2), keepdim=True).clamp(min=0.02, max=0.98)
    weight = mask * (_OBJECT_WEIGHT / share) + (1 - mask) * ((1 - _OBJECT_WEIGHT) / (1 - share))
    gradient = torch.zeros((), device=log_depth_error.device)
    for step in (1, 2, 4):
        coarse = log_depth_error[:, ::step, ::step]
        gradient = gradient + coarse.diff(dim=1).abs().mean() + coarse.diff(dim=2).abs().mean()
    return {"log depth": (weight * log_depth_error.abs()).mean(), "gradient": _GRADIENT_WEIGHT * gradient}


def _given_normal(guess: Tensor, normal: Tensor) -> Tensor:
    """Floor normal (B, 3) for the decoder: the true one, a noisy one as from the cube scale, or the encoder's guess.

    The noise is Laplacian, a normal distribution of exponentially distributed variance.
    """
    drawn = torch.rand(len(normal), 1, device=normal.device)
    deviation = (2 * torch.empty_like(drawn).exponential_()).sqrt()
    tilted = functional.normalize(normal + _NORMAL_NOISE * deviation * torch.randn_like(normal), dim=1)
    known = torch.where(drawn < _TRUE_SHARE, normal, tilted)
    return torch.where(drawn > 1 - _ENCODER_SHARE, guess.detach().float(), known)


def _height_error(normal: Tensor, given: Tensor, rays: Tensor, is_object: Tensor) -> Tensor:
    """Error (B,) of the log height that the error of the given normal causes at unchanged depth of the objects.

    The cube scale estimates the height from objects: where its normal is too steep, its height is too large.
    """
    weight = is_object.float() + 1e-4
    ray = (rays * weight[:, None]).sum(dim=(2, 3)) / weight.sum(dim=(1, 2))[:, None]  # (B, 2)
    down, given_down = (functional.pad(ray, (0, 1), value=1.0).mul(axis).sum(dim=1) for axis in (normal, given))
    return (given_down.clamp(min=0.05) / down.clamp(min=0.05)).log().clamp(-0.4, 0.4)


def floor_losses(guess: GroundPlaneEstimates, normal: Tensor, log_height: Tensor) -> dict[str, Tensor]:
    """Errors of the floor's normal (B, 3) and the camera's log canonical height (B,), and their Laplace NLL."""
    tilt, height = estimate_errors(guess, normal, log_height)
    return {
        "normal": _NORMAL_WEIGHT * tilt.mean(),
        "height": _HEIGHT_WEIGHT * height.mean(),
        "nll": _NLL_WEIGHT * laplace_nll(tilt + height, guess.log_sigma),
    }


def classes(batch: Batch) -> Tensor:
    """Index into `CLASSES` of each pixel, (B, H, W) int64."""
    shapes = torch.tensor(
        [0, *(CLASSES.index(name.rpartition("_")[2]) for name in CATEGORIES)], device=batch.image.device
    )
    of_object = torch.cat([torch.zeros_like(batch.category[:, :1]), shapes[batch.category + 1]], dim=1)  # (B, 33)
    objects = of_object.gather(1, batch.instances.flatten(1).long()).view(batch.instances.shape)
    return torch.where((batch.instances == 0) & ~_is_floor(batch), CLASSES.index("wall"), objects)


def _class_shares(of_pixels: Tensor, size: Sequence[int]) -> Tensor:
    """Soft class targets (B, 4, h, w): share of each class in the cells of a coarser grid."""
    one_hot = functional.one_hot(of_pixels, len(CLASSES)).permute(0, 3, 1, 2).float()
    return functional.adaptive_avg_pool2d(one_hot, (size[0], size[1]))


def _is_floor(batch: Batch) -> Tensor:
    """Whether each pixel shows a point on the floor plane, (B, H, W) bool."""
    rays = ray_channels(batch.intrinsics, *batch.depth_m.shape[1:])
    height_m, below_m = batch.floor[:, 3, None, None], component_along(batch.floor[:, :3], rays) * batch.depth_m
    pixel_m = batch.depth_m / batch.intrinsics[:, 0, None, None]
    return height_m - below_m < _FLOOR_RATIO * height_m + _FLOOR_PX * pixel_m
