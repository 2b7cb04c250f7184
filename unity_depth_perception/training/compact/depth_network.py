"""Training of the compact depth model, dense network and cube scale, on virtual Unity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import fill_network, load_weights
from unity_depth_perception.models.compact.dense.depth_network import (
    CANONICAL_FOCAL_PX,
    CLASSES,
    FLOOR,
    LOWER_FLOOR,
    SKY,
    WALL,
    CompactDepthNetwork,
    DensePrediction,
)
from unity_depth_perception.models.compact.dense.room_layout import component_along
from unity_depth_perception.models.compact.depth_networks import CompactDepthNetworks
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates, estimate_errors, laplace_nll
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.compact.cube_scale import train_cube_scale
from unity_depth_perception.training.compact.sky_gate import train_sky_gate
from unity_depth_perception.training.data.batches import Batch, draw_batch, ray_channels
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig, part_config
from unity_depth_perception.training.engine.fit import fit, low_precision, named_parts

_DENSE = {"dense": 0.45, "open": 0.25}
"""Dense networks and their shares of the steps. The first one learns the images that show no sky; the second one all of
them: trained on the sky alone it takes walls for it, which it has to tell from it where the gate is wrong.
"""
_AREAS_PX = ((0.4, 192 * 192), (1.0, 256 * 256))
"""Curriculum of image sizes: (until this progress, area of the images)."""
_OBJECT_WEIGHT = 0.4  # share of the objects' pixels in the depth loss
_GRADIENT_WEIGHT = 0.5
_TRUE_SHARE, _ENCODER_SHARE, _NORMAL_NOISE = 0.4, 0.05, 0.028  # of the floor normals given to the decoder
_NORMAL_WEIGHT, _HEIGHT_WEIGHT, _NLL_WEIGHT, _CLASS_WEIGHT = 0.5, 0.25, 0.05, 0.4
_SKY_WEIGHT = 0.4
_LEAST_HEIGHT_M = 0.05  # of the camera above the objects' level; the network's unit of length
_MAX_DEPTH_M = 1000.0  # of ground near the horizon, as far as Unity's cameras see
_FLOOR_RATIO, _FLOOR_PX = 0.002, 0.3  # tolerance of the floor: share of the camera's height, and pixels


def train_depth(config: TrainingConfig) -> dict[str, Tensor]:
    """Train the networks of the compact depth back end, one after the other, and return their EMA weights.

    The cube scale and the dense network of open scenes take a quarter of the steps and of the time each, the dense
    network of rooms nearly half.

    Raises:
        ModelError: the weights to start from lack a network, or are of another one.
    """
    if config.start is not None:
        _require_all_networks(config.start)
    parts = {"cube_scale": train_cube_scale(part_config(config, "cube_scale", 0.25))}
    for part, share in _DENSE.items():
        parts[part] = train_dense(part_config(config, part, share), part)
    parts["sky_gate"] = train_sky_gate(part_config(config, "sky_gate", 0.05), parts["dense"])
    return named_parts(parts)


def _require_all_networks(start: Path) -> None:
    """Raise ModelError before the first network is trained, if the weights do not hold all of today's."""
    try:
        fill_network(CompactDepthNetworks(), load_weights(start)[0], start)
    except ModelError as error:
        raise ModelError(
            f"{error}. If they are of an earlier version: fine-tune them on a dataset folder, or train on from compact"
        ) from None


def train_dense(config: TrainingConfig, part: str) -> dict[str, Tensor]:
    """Train a dense network, `part` of the model, from scratch (or resume) and return the EMA weights."""
    torch.manual_seed(config.seed)
    network = CompactDepthNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        area = next(area for until, area in _AREAS_PX if progress <= until)
        batch = draw_batch(source.available(), rng, config.batch, area, config.device, least_crop=0.7)
        batch = batch.select(batch.floor[:, 3] > _LEAST_HEIGHT_M)
        chosen = ~batch.depth_m.isinf().any(dim=2).any(dim=1)
        if part == "dense" and bool(chosen.any()):
            batch = batch.select(chosen)
        height, width = batch.depth_m.shape[1:]
        rays = ray_channels(batch.intrinsics, height, width)
        canonical = CANONICAL_FOCAL_PX / batch.intrinsics[:, :2].mean(dim=1)
        normal, log_height = batch.floor[:, :3], (batch.floor[:, 3] * canonical).log()
        with low_precision(config.device):
            encoding = network.encode(batch.image, rays)
            given = _given_normal(encoding.floor.normal, normal)
            dense = network.decode(encoding, rays, given)
        log_height_m = batch.floor[:, 3].log() + _height_error(normal, given, rays, batch.instances > 0)
        error = dense.log_depth + log_height_m[:, None, None] - batch.depth_m.clamp(max=_MAX_DEPTH_M).log()
        return {
            **depth_losses(error, batch.instances > 0, batch.depth_m.isfinite()),
            **floor_losses(encoding.floor, normal, log_height),
            **class_losses(dense, classes(batch)),
        }

    return fit(config, network, step_loss, part)


def depth_losses(log_depth_error: Tensor, is_object: Tensor, is_finite: Tensor) -> dict[str, Tensor]:
    """Mean absolute log depth error, in which the objects' pixels have a fixed share of the weight, and gradient loss.

    The gradient term is the scale-invariant gradient matching of MegaDepth (Li & Snavely, CVPR 2018), on log depth.

    Args:
        log_depth_error: (B, H, W) predicted minus true log depth.
        is_object: (B, H, W) bool.
        is_finite: (B, H, W) bool; the error of other pixels, those of the sky, does not count.
    """
    mask, others = is_object.float(), (is_finite & ~is_object).float()
    share = mask.mean(dim=(1, 2), keepdim=True).clamp(min=0.02)
    weight = mask * (_OBJECT_WEIGHT / share) + others * (
        (1 - _OBJECT_WEIGHT) / others.mean(dim=(1, 2), keepdim=True).clamp(min=0.02)
    )
    error = torch.where(is_finite, log_depth_error, 0.0)
    gradient = torch.zeros((), device=log_depth_error.device)
    for step in (1, 2, 4):
        coarse, known = error[:, ::step, ::step], is_finite[:, ::step, ::step]
        for dim in (1, 2):
            pair = known.narrow(dim, 1, known.shape[dim] - 1) & known.narrow(dim, 0, known.shape[dim] - 1)
            gradient = gradient + (coarse.diff(dim=dim).abs() * pair).mean()
    return {"log depth": (weight * error.abs()).mean(), "gradient": _GRADIENT_WEIGHT * gradient}


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


def class_losses(dense: DensePrediction, of_pixels: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of the classes (B, H, W), in shares of coarser cells, and of the sky in each pixel."""
    one_hot = functional.one_hot(of_pixels, len(CLASSES)).permute(0, 3, 1, 2).float()
    shares = functional.adaptive_avg_pool2d(one_hot, (dense.logits.shape[2], dense.logits.shape[3]))
    sky = functional.binary_cross_entropy(dense.sky.clamp(1e-6, 1 - 1e-6), (of_pixels == SKY).float())
    return {"class": _CLASS_WEIGHT * functional.cross_entropy(dense.logits, shares), "sky": _SKY_WEIGHT * sky}


def classes(batch: Batch) -> Tensor:
    """Index into `CLASSES` of each pixel, (B, H, W) int64."""
    shapes = torch.tensor(
        [0, *(CLASSES.index(name.rpartition("_")[2]) for name in CATEGORIES)], device=batch.image.device
    )
    of_object = torch.cat([torch.zeros_like(batch.category[:, :1]), shapes[batch.category + 1]], dim=1)  # (B, 33)
    objects = of_object.gather(1, batch.instances.flatten(1).long()).view(batch.instances.shape)
    solid = (
        torch.zeros_like(batch.instances, dtype=torch.bool) if batch.is_other_solid is None else batch.is_other_solid
    )
    floor_m = batch.floor[:, 3]
    lowest_m = floor_m if batch.levels is None else batch.levels.nan_to_num(-torch.inf).amax(dim=1)
    on_furniture = (lowest_m > (1 + _FLOOR_RATIO) * floor_m)[:, None, None]  # the floor is the top of a solid
    found = torch.where(solid, CLASSES.index("clutter"), WALL)
    found = torch.where(on_furniture & ~solid & _is_level(batch, lowest_m), LOWER_FLOOR, found)
    found = torch.where((solid == on_furniture) & _is_level(batch, floor_m), FLOOR, found)
    found = torch.where(batch.depth_m.isinf(), SKY, found)
    return torch.where(batch.instances > 0, objects, found)


def _is_level(batch: Batch, height_m: Tensor) -> Tensor:
    """Whether each pixel shows a point on the level that the camera is `height_m` (B,) above, (B, H, W) bool."""
    rays = ray_channels(batch.intrinsics, *batch.depth_m.shape[1:])
    level_m, below_m = height_m[:, None, None], component_along(batch.floor[:, :3], rays) * batch.depth_m
    pixel_m = batch.depth_m / batch.intrinsics[:, 0, None, None]
    return (level_m - below_m).abs() < _FLOOR_RATIO * level_m + _FLOOR_PX * pixel_m
