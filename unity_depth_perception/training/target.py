"""What the networks that look at objects are to find in a batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.batches import Batch

_JITTER = 0.05  # boxes found at use are not exact: standard deviation of their borders, of the box's size


def target(batch: Batch, index: int, least_ratio: float = LEAST_VISIBLE_RATIO) -> dict[str, Tensor]:
    """Boxes, labels (1-based) and masks of an image's objects, as torchvision's detection models take them.

    Args:
        least_ratio: share of the image below which an object is left out.
    """
    instances = batch.instances[index]
    counts = torch.bincount(instances.flatten().long(), minlength=batch.category.shape[1] + 1)[1:]
    present = (counts >= max(4, least_ratio * instances.numel())).nonzero().squeeze(1)
    masks = instances[None] == (present + 1)[:, None, None]
    boxes = masks_to_boxes(masks).float()
    boxes[:, 2:] += 1  # max exclusive
    return {"boxes": boxes, "labels": batch.category[index, present] + 1, "masks": masks.to(torch.uint8)}


def jittered(boxes: Tensor, rng: np.random.Generator) -> Tensor:
    """Boxes (N, 4) as far off as those that the segmentation finds."""
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + torch.from_numpy(rng.normal(0, _JITTER, tuple(boxes.shape)).astype(np.float32)).to(boxes) * size
