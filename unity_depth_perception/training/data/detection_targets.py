"""What the networks that look at objects are to find in a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.data.batches import Batch

_JITTER = 0.05  # boxes found at use are not exact: standard deviation of their borders, of the box's size


class Shown(NamedTuple):
    """The M objects of which an image shows a pixel at least.

    Attributes:
        ids: (M,) int64 of the objects: k is marked as k + 1 in the instance image.
        masks: (M, H, W) bool.
        boxes: (M, 4) float32 x_min, y_min, x_max, y_max [px], max exclusive.
        is_large: (M,) bool whether enough of it is seen to look for it.
    """

    ids: Tensor
    masks: Tensor
    boxes: Tensor
    is_large: Tensor


def shown(instances: Tensor, least_ratio: float) -> Shown:
    """What an instance image (H, W) shows.

    Args:
        least_ratio: share of the image below which an object is too small to be looked for.
    """
    counts = torch.bincount(instances.flatten().long())[1:]
    ids = (counts > 0).nonzero().squeeze(1)
    masks = instances[None] == (ids + 1)[:, None, None]
    boxes = masks_to_boxes(masks).float().reshape(-1, 4)
    boxes[:, 2:] += 1
    return Shown(ids, masks, boxes, counts[ids] >= max(4, least_ratio * instances.numel()))


def target(batch: Batch, index: int, least_ratio: float = LEAST_VISIBLE_RATIO) -> dict[str, Tensor]:
    """Boxes, labels (1-based) and masks of an image's objects, as torchvision's detection models take them.

    Args:
        least_ratio: share of the image below which an object is left out.
    """
    objects = shown(batch.instances[index], least_ratio)
    large = objects.is_large
    return {
        "boxes": objects.boxes[large],
        "labels": batch.category[index, objects.ids[large]] + 1,
        "masks": objects.masks[large].to(torch.uint8),
    }


def jitter_boxes(boxes: Tensor, rng: np.random.Generator) -> Tensor:
    """Boxes (N, 4) as far off as those that the segmentation finds."""
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + torch.from_numpy(rng.normal(0, _JITTER, tuple(boxes.shape)).astype(np.float32)).to(boxes) * size
