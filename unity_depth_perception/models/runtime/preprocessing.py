"""Preprocessing of images for the Depth Anything networks: resizing and ImageNet normalisation.

Images are uint8 on the device of the network; everything here runs there without synchronisation. The resizing
functions reproduce those of the authors' code (OpenCV, Pillow), rounding to 8 bits included, so that a network gets the
inputs that it was trained on: within 1/255 of cv2's INTER_AREA and INTER_CUBIC and of Pillow's BICUBIC (tested).
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.errors import ImageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalize_imagenet(image: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(1, 3, H, W) with zero mean and unit variance over ImageNet, from (H, W, 3) uint8 RGB."""
    scale, shift = _imagenet(image.device)
    planes = torch.addcmul(shift, image.permute(2, 0, 1)[None].to(torch.float32), scale)
    return planes.to(dtype).contiguous()


def resize_area(image: Tensor, width: int, height: int) -> Tensor:
    """Shrink an image (H, W, 3) uint8 to (height, width, 3): means over areas, as cv2's INTER_AREA.

    Raises:
        ImageError: not (H, W, 3) uint8, or the new size is larger than the image.
    """
    _require_rgb(image)
    values = image.to(torch.float32)
    for dimension, size in ((0, height), (1, width)):
        values = _area_along(values, dimension, size)
    return _rounded(values)


def resize_cubic(image: Tensor, width: int, height: int) -> Tensor:
    """Enlarge an image (H, W, 3) uint8 to (height, width, 3): bicubic without antialiasing, as cv2's INTER_CUBIC."""
    _require_rgb(image)
    return _bicubic(image, width, height, antialias=False)


def resize_bicubic(image: Tensor, width: int, height: int) -> Tensor:
    """Resize an image (H, W, 3) uint8 to (height, width, 3): bicubic with antialiasing, as Pillow's BICUBIC."""
    _require_rgb(image)
    wide = _bicubic(image, width, image.shape[0], antialias=True)  # Pillow rounds between the two directions
    return _bicubic(wide, width, height, antialias=True)


def nearest_multiple(length: int, multiple: int) -> int:
    """Multiple of `multiple` that is nearest to `length`, at least `multiple` itself; of two, the larger."""
    return max(multiple, (length + multiple // 2) // multiple * multiple)


def _bicubic(image: Tensor, width: int, height: int, antialias: bool) -> Tensor:
    if image.shape[:2] == (height, width):
        return image
    planes = image.permute(2, 0, 1)[None].to(torch.float32)
    resized = functional.interpolate(planes, (height, width), mode="bicubic", align_corners=False, antialias=antialias)
    return _rounded(resized[0].permute(1, 2, 0))


def _rounded(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _area_along(values: Tensor, dimension: int, size: int) -> Tensor:
    """Means over `size` equal parts of one dimension of (H, W, 3); pixels on a border count in proportion."""
    if values.shape[dimension] == size:
        return values
    index, weight = _area_taps(values.shape[dimension], size, values.device)
    shape = [1] * values.ndim
    shape[dimension] = size
    total = values.index_select(dimension, index[0]) * weight[0].view(shape)
    for k in range(1, len(index)):
        total.addcmul_(values.index_select(dimension, index[k]), weight[k].view(shape))
    return total


@functools.lru_cache(maxsize=32)
def _area_taps(source: int, target: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices and weights (K, target) of the K source pixels that each target pixel covers at least partly."""
    if target > source:
        raise ImageError(f"expected a size of at most {source} px to shrink to, got {target} px")
    ratio = source / target
    start = torch.arange(target, dtype=torch.float64) * ratio
    index = start.floor() + torch.arange(math.ceil(ratio) + 1, dtype=torch.float64)[:, None]  # (K, target)
    covered = torch.minimum(index + 1, start + ratio) - torch.maximum(index, start)
    index = index.clamp(max=source - 1).to(torch.int64)
    return index.to(device), (covered.clamp(min=0) / ratio).to(torch.float32).to(device)


@functools.lru_cache(maxsize=8)
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    """Scale and shift (1, 3, 1, 1) from 0..255 to zero mean and unit variance over ImageNet."""
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    return (1 / (255 * std)).to(device), (-mean / std).to(device)


def _require_rgb(image: Tensor) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != torch.uint8:
        raise ImageError(f"expected an image (H, W, 3) uint8, got {tuple(image.shape)} {image.dtype}")
