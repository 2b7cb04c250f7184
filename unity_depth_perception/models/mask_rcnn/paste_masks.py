"""Pasting of Mask R-CNN's soft masks, each 28 x 28 over its box, into an instance image of the full size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.runtime.upload import upload

_ROI_ALIGN_OFFSET_PX = 0.5
"""Offset of a mask to the right of and below its box, in pixels of the network's input image.

torchvision trains on masks that `roi_align` samples with pixel centres at integers, while its boxes have pixel centres
at half-integers (x_max is the right edge of the last pixel).
"""
MASK_THRESHOLD = 0.5
"""Value of a soft mask above which a pixel belongs to the object."""
_MIN_VISIBLE_SHARE = 0.5  # of a mask's pixels, after overlaps; with less it duplicates an object that is already kept
_OVERRIDE_MARGIN = 0.1  # a mask takes a pixel from one of higher score if its value there is higher by that


def boxes_of_masks(boxes: Tensor) -> Tensor:
    """Boxes (N, 4) that torchvision's soft masks of detections with boxes (N, 4) are stretched over, in px."""
    return boxes + _ROI_ALIGN_OFFSET_PX


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Instance image (H, W) uint8 of N soft masks in descending order of score, and the indices (K,) of those kept.

    Where masks overlap, a pixel goes to the object of the highest score, unless another mask's value there is higher by
    `_OVERRIDE_MARGIN`: the mask of an object often spills over one of the same colour in front of it. At most 255
    objects are kept. Which ones is not known to the host before the end: a GPU need not be waited for at each mask.
    Arguments as of `mask_windows`.
    """
    instances = torch.zeros((height, width), dtype=torch.uint8, device=masks.device)
    highest = torch.zeros((height, width), device=masks.device)
    count = instances.new_zeros(())
    is_kept = torch.zeros(len(masks), dtype=torch.bool, device=masks.device)
    for index, rows, columns, soft in mask_windows(masks, boxes, size, height, width):
        owner, best = instances[rows, columns], highest[rows, columns]
        inside = soft > MASK_THRESHOLD
        won = inside & ((owner == 0) | (soft > best + _OVERRIDE_MARGIN))
        is_kept[index] = (won.sum() > _MIN_VISIBLE_SHARE * inside.sum()) & (count < 255)
        won &= is_kept[index]
        count += is_kept[index]
        owner.copy_(torch.where(won, count, owner))
        best.copy_(torch.where(won, soft, best))
    return instances, is_kept.nonzero().squeeze(1)


def mask_windows(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], height: int, width: int
) -> Iterator[tuple[int, slice, slice, Tensor]]:
    """Resample soft masks to an image of height x width px, each within the window of its box.

    Args:
        masks: (N, M, M) 0..1, each stretched over its box.
        boxes: (N, 4) x_min, y_min, x_max, y_max [px], max exclusive, in the network's input image.
        size: height and width of the network's input image [px].
        height, width: of the output image [px].

    Yields:
        For each mask that overlaps the image: its index, rows and columns of its window, and its values (h, w) there.
    """
    scale = upload([width / size[1], height / size[0]] * 2, boxes)
    before = boxes[:, :2] - _ROI_ALIGN_OFFSET_PX  # there the mask goes on as at its edge
    edges = (torch.cat([before, boxes[:, 2:], boxes], dim=1) * scale.repeat(2)).tolist()
    for index, (mask, edges_px) in enumerate(zip(masks, edges, strict=True)):
        x_min, y_min, x_max, y_max = (round(edge) for edge in edges_px[:4])
        x_min, y_min, x_max, y_max = max(0, x_min), max(0, y_min), min(width, x_max), min(height, y_max)
        if x_max > x_min and y_max > y_min:
            soft = _window(mask, edges_px[4:], (x_min, y_min, x_max, y_max))
            yield index, slice(y_min, y_max), slice(x_min, x_max), soft


def _window(mask: Tensor, box: list[float], window: tuple[int, int, int, int]) -> Tensor:
    """Values of a soft mask (M, M), stretched over its box, at the pixel centres of a window."""
    x_min, y_min, x_max, y_max = window
    x = (torch.arange(x_min, x_max, device=mask.device) + 0.5 - box[0]) / max(box[2] - box[0], 1e-3) * 2 - 1
    y = (torch.arange(y_min, y_max, device=mask.device) + 0.5 - box[1]) / max(box[3] - box[1], 1e-3) * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)[None]
    return functional.grid_sample(mask[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
