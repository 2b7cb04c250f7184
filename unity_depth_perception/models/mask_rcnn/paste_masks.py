"""Between the image and the size at which Mask R-CNN looks at it: the image made smaller, the masks put back."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

_ROI_ALIGN_OFFSET_PX = 0.5
"""How far to the right of and below its box, in the image that it saw, a network's mask shows what is there.

torchvision's Mask R-CNN learns from masks that `roi_align` samples as if pixel centres were at whole numbers, while
boxes that end at the last pixel's outer edge count from the outer edge of the first.
"""
MASK_THRESHOLD = 0.5  # of a soft mask
_MIN_WON_SHARE = 0.5  # of what a mask claims: else it is another guess at an object that a surer mask covers
_OVERRIDE_MARGIN = 0.1  # how much higher than the owner's a mask is where it wins a pixel


def paste_masks(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], height: int, width: int
) -> tuple[Tensor, list[int]]:
    """Instance image (H, W) uint8 of soft masks, surest first, and the indices of those kept.

    A pixel belongs to the surest mask that claims it, unless a later one is plainly surer of the pixel: masks spill
    over what stands before an object in its own colour. Arguments as of `windows`.
    """
    instances = torch.zeros((height, width), dtype=torch.uint8, device=masks.device)
    highest = torch.zeros((height, width), device=masks.device)
    kept: list[int] = []
    for index, rows, columns, soft in mask_windows(masks, boxes, size, height, width):
        owner, best = instances[rows, columns], highest[rows, columns]
        claimed = soft > MASK_THRESHOLD
        won = claimed & ((owner == 0) | (soft > best + _OVERRIDE_MARGIN))
        if len(kept) == 255 or int(won.sum()) <= _MIN_WON_SHARE * int(claimed.sum()):
            continue
        kept.append(index)
        owner[won] = len(kept)
        best[won] = soft[won]
    return instances, kept


def mask_windows(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], height: int, width: int
) -> Iterator[tuple[int, slice, slice, Tensor]]:
    """Soft masks (N, M, M), stretched over their boxes, in an image of height x width px.

    Yields:
        Index, rows and columns of the box's window, and the mask in it (h, w) 0..1, of each mask of which something
        lies in the image. What is above `MASK_THRESHOLD` the mask claims.

    Args:
        boxes: (N, 4) x_min, y_min, x_max, y_max [px], max exclusive, in the image that the network saw.
        size: height and width of that image.
    """
    scale = boxes.new_tensor([width / size[1], height / size[0]] * 2)
    framed, shown = (((boxes + late_px) * scale).tolist() for late_px in (0.0, _ROI_ALIGN_OFFSET_PX))
    for index, (mask, box, shown_in) in enumerate(zip(masks, framed, shown, strict=True)):
        x_min, y_min = max(0, round(box[0])), max(0, round(box[1]))
        x_max, y_max = min(width, round(shown_in[2])), min(height, round(shown_in[3]))
        if x_max > x_min and y_max > y_min:
            soft = _window(mask, shown_in, (x_min, y_min, x_max, y_max))
            yield index, slice(y_min, y_max), slice(x_min, x_max), soft


def _window(mask: Tensor, box: list[float], window: tuple[int, int, int, int]) -> Tensor:
    """A soft mask (M, M), stretched over its box, sampled at the pixel centres of a window."""
    x_min, y_min, x_max, y_max = window
    x = (torch.arange(x_min, x_max, device=mask.device) + 0.5 - box[0]) / max(box[2] - box[0], 1e-3) * 2 - 1
    y = (torch.arange(y_min, y_max, device=mask.device) + 0.5 - box[1]) / max(box[3] - box[1], 1e-3) * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)[None]
    return functional.grid_sample(mask[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
