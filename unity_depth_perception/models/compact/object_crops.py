"""Object crops: square image regions around detected objects, with their masks, resampled to one size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

CROP_PX = 64
MASK_PX = 28
_MARGIN = 1.5  # side of a crop over the longer side of the object's box: shows some surroundings


class Crops(NamedTuple):
    """N square crops, each centred on an object.

    Attributes:
        pixels: (N, 4, CROP_PX, CROP_PX) RGB as of `normalize_colors`, and the mask 0..1.
        center: (N, 2) centres of the squares [px], counted from the image's corner.
        side: (N,) sides of the squares [px].
        image_of: (N,) int64 index of each crop's image.
    """

    pixels: Tensor
    center: Tensor
    side: Tensor
    image_of: Tensor


def crop_objects(image: Tensor, boxes: Tensor, masks: Tensor) -> Crops:
    """Crop N objects from B images, given their boxes and masks.

    Args:
        image: (B, 3, H, W) float, RGB 0..1.
        boxes: (N, 5) index of the image, then x_min, y_min, x_max, y_max [px] of the object, max exclusive.
        masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.
    """
    size = boxes[:, 3:5] - boxes[:, 1:3]
    center, side = (boxes[:, 1:3] + boxes[:, 3:5]) / 2, _MARGIN * size.amax(dim=1)
    square = torch.cat([boxes[:, :1], center - side[:, None] / 2, center + side[:, None] / 2], dim=1)
    colors = normalize_colors(roi_align(image, square, (CROP_PX, CROP_PX), sampling_ratio=2))
    return Crops(
        torch.cat([colors, _masks_in_crops(masks, side[:, None] / size)], dim=1), center, side, boxes[:, 0].long()
    )


def crop_rays(crops: Crops, intrinsics: Tensor) -> Tensor:
    """Viewing rays x / z and y / z (N, 2, CROP_PX, CROP_PX) of the crops' pixels.

    Args:
        intrinsics: (N, 4) fx, fy, cx, cy [px] of each crop's image, pixel centres at integers.
    """
    device = intrinsics.device
    grid = ((torch.arange(CROP_PX, device=device) + 0.5) / CROP_PX - 0.5) * crops.side[:, None]  # (N, CROP_PX)
    fx, fy, cx, cy = intrinsics.unbind(dim=1)
    x = (crops.center[:, 0, None] - 0.5 + grid - cx[:, None]) / fx[:, None]
    y = (crops.center[:, 1, None] - 0.5 + grid - cy[:, None]) / fy[:, None]
    shape = (len(intrinsics), CROP_PX, CROP_PX)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=1)


def normalize_colors(rgb: Tensor) -> Tensor:
    """RGB 0..1 to -2..2, the range that the embedded networks take."""
    return (rgb - 0.5) / 0.25


def denormalize_colors(pixels: Tensor) -> Tensor:
    """RGB 0..1 from -2..2: the inverse of `normalize_colors`."""
    return pixels * 0.25 + 0.5


def _masks_in_crops(masks: Tensor, stretch: Tensor) -> Tensor:
    """Masks (N, 1, CROP_PX, CROP_PX), resampled from the box of each to its crop.

    Args:
        masks: (N, MASK_PX, MASK_PX), each stretched over its box.
        stretch: (N, 2) width and height of each crop over those of its box.
    """
    grid = (torch.arange(CROP_PX, device=masks.device) + 0.5) / CROP_PX * 2 - 1
    x, y = grid * stretch[:, :1], grid * stretch[:, 1:]  # (N, CROP_PX), -1..1 in the box
    shape = (len(masks), CROP_PX, CROP_PX)
    positions = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=3)
    return functional.grid_sample(masks[:, None], positions, align_corners=False)
