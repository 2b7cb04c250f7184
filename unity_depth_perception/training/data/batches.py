"""Batches from virtual scenes or a dataset: random crops, flips, photometric augmentation; intrinsics are adapted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.training.data.shards import Shard


@dataclass(frozen=True)
class Batch:
    """B images of one size, on the training device.

    Attributes:
        image: (B, 3, H, W) float32 RGB 0..1.
        depth_m: (B, H, W) float32; NaN where unknown, +Inf beyond range.
        instances: (B, H, W) uint8 or int32, 0 = background.
        category: (B, K) int64 category index of each object, -1 for none.
        intrinsics: (B, 4) float32 fx, fy, cx, cy [px].
        floor: (B, 4) float32 unit normal of the floor in the optical frame, pointing down, and height of the camera
            above it [m]; NaN where the camera's pose is unknown.
        levels: (B, L) float32 as in `Shard`; None where the source does not know them.
        is_other_solid: (B, H, W) bool as in `Shard`; None where the source does not know it.
    """

    image: Tensor
    depth_m: Tensor
    instances: Tensor
    category: Tensor
    intrinsics: Tensor
    floor: Tensor
    levels: Tensor | None = None
    is_other_solid: Tensor | None = None

    def select(self, chosen: Tensor) -> Batch:
        """The images where a mask (B,) is true."""
        return replace(self, **{name: value[chosen] for name, value in vars(self).items() if value is not None})


def draw_batch(
    shards: list[Shard], rng: np.random.Generator, size: int, area_px: int, device: torch.device, least_crop: float
) -> Batch:
    """Draw `size` images of one shard: a random crop of at least `least_crop` of each side, resized to `area_px`."""
    shard = shards[rng.integers(len(shards))]
    count = len(shard.image)
    index = np.sort(rng.choice(count, size=min(size, count), replace=False))
    height, width = shard.image.shape[1:3]
    keep = rng.uniform(least_crop, 1.0)
    w, h = round(width * keep), round(height * keep)
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    window = (index, slice(y, y + h), slice(x, x + w))
    target_w, target_h = processing_size(w, h, area_px)
    image = torch.from_numpy(shard.image[window]).to(device).permute(0, 3, 1, 2)  # channels last: resizes faster
    image = transforms.resize(image, [target_h, target_w], antialias=True).float() / 255
    instances = torch.from_numpy(shard.instances[window]).to(device)
    scale = torch.tensor([target_w / w, target_h / h], device=device).repeat(2)
    intrinsics = torch.from_numpy(shard.intrinsics[index]).to(device)
    corner = torch.tensor([0.0, 0.0, x - 0.5, y - 0.5], device=device)
    half = torch.tensor([0.0, 0.0, 0.5, 0.5], device=device)
    batch = Batch(
        image=augment_colors(image, torch.arange(len(image), device=device), rng),
        depth_m=nearest(torch.from_numpy(shard.depth_m[window]).to(device).float(), target_h, target_w),
        instances=nearest(instances.float(), target_h, target_w).to(instances.dtype),
        category=torch.from_numpy(shard.category[index].astype(np.int64)).to(device),
        intrinsics=(intrinsics - corner) * scale - half,
        floor=torch.from_numpy(shard.floor[index]).to(device),
        levels=None if shard.levels is None else torch.from_numpy(shard.levels[index]).to(device),
        is_other_solid=_is_solid(shard, window, target_h, target_w, device),
    )
    return _flip(batch) if rng.random() < 0.5 else batch


def _is_solid(shard: Shard, window: tuple[Any, ...], height: int, width: int, device: torch.device) -> Tensor | None:
    """`Batch.is_other_solid` of a window of a shard, resized; None where the source does not know it."""
    if shard.is_other_solid is None:
        return None
    return nearest(torch.from_numpy(shard.is_other_solid[window]).to(device).float(), height, width) > 0.5


def ray_channels(intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Viewing rays x / z, y / z (B, 2, H, W) of cameras (B, 4) fx, fy, cx, cy [px]."""
    fx, fy, cx, cy = intrinsics[:, :, None, None].unbind(1)
    x = (torch.arange(width, device=intrinsics.device) - cx) / fx
    y = (torch.arange(height, device=intrinsics.device)[:, None] - cy) / fy
    return torch.stack([x.expand(-1, height, width), y.expand(-1, height, width)], dim=1)


def nearest(values: Tensor, height: int, width: int) -> Tensor:
    """Resize images (B, H, W) float by nearest-neighbour sampling."""
    return functional.interpolate(values[:, None], size=(height, width), mode="nearest-exact")[:, 0]


def bilinear(values: Tensor, height: int, width: int) -> Tensor:
    """Resize images (B, H, W) float by bilinear interpolation."""
    return functional.interpolate(values[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]


def _flip(batch: Batch) -> Batch:
    intrinsics = batch.intrinsics.clone()
    intrinsics[:, 2] = batch.image.shape[3] - 1 - intrinsics[:, 2]
    floor = batch.floor * torch.tensor([-1.0, 1.0, 1.0, 1.0], device=batch.floor.device)
    image, depth_m, instances = batch.image.flip(3), batch.depth_m.flip(2), batch.instances.flip(2)
    solid = None if batch.is_other_solid is None else batch.is_other_solid.flip(2)
    return replace(
        batch,
        image=image,
        depth_m=depth_m,
        instances=instances,
        intrinsics=intrinsics,
        floor=floor,
        is_other_solid=solid,
    )


def augment_colors(colour: Tensor, image_of: Tensor, rng: np.random.Generator) -> Tensor:
    """Photometric augmentation: random exposure, white balance and gamma of each image, and noise.

    Args:
        colour: (N, 3, H, W) RGB 0..1 of images or of crops.
        image_of: (N,) int64 index of the image of each.
    """
    count = int(image_of.max()) + 1 if len(image_of) else 0

    def draw(low: float, high: float, channels: int) -> Tensor:
        values = torch.from_numpy(rng.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))
        return values.to(colour.device)[image_of]

    colour = (colour * draw(0.8, 1.2, 1) * draw(0.95, 1.05, 3)).clamp(1e-4, 1) ** draw(0.8, 1.25, 1)
    noise = torch.randn(colour.shape, device=colour.device) * draw(0.0, 0.015, 1)
    return (colour + noise).clamp(0, 1).contiguous(memory_format=torch.channels_last)
