"""Objects cut out of images, with their masks, and brought to one size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

CROP_PX = 64
MASK_PX = 28


def masked_crops(image: Tensor, boxes: Tensor, masks: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """N objects as of `square_crops`, and as a fourth channel 0..1 their masks.

    Args:
        masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.

    Returns:
        The crops (N, 4, CROP_PX, CROP_PX), their centres (N, 2) and sides (N,) [px].
    """
    crops, center, side = square_crops(image, boxes, margin)
    placed = _placed(masks, side[:, None] / (boxes[:, 3:5] - boxes[:, 1:3]))
    return torch.cat([crops, placed], dim=1), center, side


def square_crops(image: Tensor, boxes: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """N objects, each in the middle of a square.

    Args:
        image: (B, 3, H, W) float, RGB 0..1.
        boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
        margin: side of a square over the longer side of its box.

    Returns:
        The crops (N, 3, CROP_PX, CROP_PX), normalised to about -2..2; their centres (N, 2) and sides (N,) [px].
    """
    center, side = (boxes[:, 1:3] + boxes[:, 3:5]) / 2, margin * (boxes[:, 3:5] - boxes[:, 1:3]).amax(dim=1)
    square = torch.cat([boxes[:, :1], center - side[:, None] / 2, center + side[:, None] / 2], dim=1)
    crops = roi_align(image, square, (CROP_PX, CROP_PX), sampling_ratio=2)
    return (crops - 0.5) / 0.25, center, side


def _placed(masks: Tensor, stretch: Tensor) -> Tensor:
    """Masks (N, 1, CROP_PX, CROP_PX) in crops that are `stretch` (N, 2) times as wide and high as the masks' boxes."""
    grid = (torch.arange(CROP_PX, device=masks.device) + 0.5) / CROP_PX * 2 - 1
    x, y = grid * stretch[:, :1], grid * stretch[:, 1:]  # (N, CROP_PX), -1..1 in the box
    shape = (len(masks), CROP_PX, CROP_PX)
    where = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=3)
    return functional.grid_sample(masks[:, None], where, align_corners=False)
