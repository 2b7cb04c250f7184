"""Detection targets: boxes, labels and masks of the visible objects of an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.data.batches import Batch

_JITTER = 0.05  # standard deviation of a predicted box's edges, relative to the box's size


class VisibleObjects(NamedTuple):
    """The M objects with at least one visible pixel in an image.

    Attributes:
        ids: (M,) int64 object ids; the instance image holds id + 1.
        masks: (M, H, W) bool.
        boxes: (M, 4) float32 x_min, y_min, x_max, y_max [px], max exclusive.
        is_large: (M,) bool, whether enough pixels are visible for the object to be detected.
    """

    ids: Tensor
    masks: Tensor
    boxes: Tensor
    is_large: Tensor


def visible_objects(instances: Tensor, least_ratio: float) -> VisibleObjects:
    """Visible objects of an instance image (H, W), 0 = background.

    Args:
        least_ratio: share of the image below which an object is too small to be detected.
    """
    counts = torch.bincount(instances.flatten().long())[1:]
    ids = (counts > 0).nonzero().squeeze(1)
    masks = instances[None] == (ids + 1)[:, None, None]
    boxes = masks_to_boxes(masks).float().reshape(-1, 4)
    boxes[:, 2:] += 1
    return VisibleObjects(ids, masks, boxes, counts[ids] >= max(4, least_ratio * instances.numel()))


def detection_targets(batch: Batch, index: int, least_ratio: float = LEAST_VISIBLE_RATIO) -> dict[str, Tensor]:
    """Boxes, labels (1-based) and masks of the objects of one image, as torchvision's detection models take them.

    Args:
        least_ratio: share of the image below which an object is left out.
    """
    objects = visible_objects(batch.instances[index], least_ratio)
    large = objects.is_large
    return {
        "boxes": objects.boxes[large],
        "labels": batch.category[index, objects.ids[large]] + 1,
        "masks": objects.masks[large].to(torch.uint8),
    }


def jitter_boxes(boxes: Tensor, rng: np.random.Generator) -> Tensor:
    """Boxes (N, 4) with random errors as large as those of predicted boxes."""
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + torch.from_numpy(rng.normal(0, _JITTER, tuple(boxes.shape)).astype(np.float32)).to(boxes) * size
