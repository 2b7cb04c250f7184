"""What the networks that look at objects singly learn from: objects, and what Mask R-CNN mistakes for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN
from torchvision.ops import box_iou, roi_align

from unity_depth_perception.models.crops import MASK_PX
from unity_depth_perception.models.segmentation_network import LEAST_SCORE, detect, masks
from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.batches import Batch
from unity_depth_perception.training.target import jittered, target

_SEARCHED = 4  # images of a step in which Mask R-CNN looks for what it mistakes for objects: that is what takes long
_MISTAKEN_IOU = 0.3  # with any object, of a box that shows none


class Cutouts(NamedTuple):
    """N places in the images of a batch, as the second look and the yardstick take them.

    Attributes:
        boxes: (N, 5) index of the image, and x_min, y_min, x_max, y_max [px], max exclusive.
        masks: (N, MASK_PX, MASK_PX) 0..1, each stretched over its box.
        labels: (N,) int64 category, counted from 1; 0 where there is no object.
    """

    boxes: Tensor
    masks: Tensor
    labels: Tensor

    @property
    def image(self) -> Tensor:
        """(N,) int64 which image each is of."""
        return self.boxes[:, 0].long()

    @classmethod
    def joined(cls, parts: Sequence[Cutouts]) -> Cutouts:
        """All of them, one after the other."""
        return cls(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def objects(batch: Batch, rng: np.random.Generator, least_ratio: float = LEAST_VISIBLE_RATIO) -> Cutouts:
    """The objects of a batch, their boxes a little wrong."""
    boxes, masks, labels = [], [], []
    for index in range(len(batch.image)):
        found = target(batch, index, least_ratio)
        wrong = jittered(found["boxes"], rng)
        boxes.append(_of_image(index, wrong))
        numbered = torch.cat([torch.arange(len(wrong), device=wrong.device)[:, None], wrong], dim=1)
        masks.append(roi_align(found["masks"][:, None].float(), numbered, (MASK_PX, MASK_PX), sampling_ratio=2)[:, 0])
        labels.append(found["labels"])
    return Cutouts(torch.cat(boxes), torch.cat(masks), torch.cat(labels))


@torch.no_grad()
def mistaken(detector: MaskRCNN, batch: Batch) -> Cutouts:
    """What Mask R-CNN finds in a batch's first images where no object is, however small."""
    boxes, soft = [], []
    for index, image in enumerate(batch.image[:_SEARCHED]):
        found = detect(detector, image, LEAST_SCORE)
        overlap = box_iou(found.boxes, target(batch, index, least_ratio=0.0)["boxes"])
        empty = (overlap < _MISTAKEN_IOU).all(dim=1)
        found = replace(found, boxes=found.boxes[empty], labels=found.labels[empty], scores=found.scores[empty])
        boxes.append(_of_image(index, found.boxes))
        soft.append(masks(detector, found).float())
    labels = torch.zeros(sum(map(len, boxes)), dtype=torch.int64, device=batch.image.device)
    return Cutouts(torch.cat(boxes), torch.cat(soft), labels)


def _of_image(index: int, boxes: Tensor) -> Tensor:
    """Boxes (N, 5) of image `index` from (N, 4)."""
    return torch.cat([boxes.new_full((len(boxes), 1), index), boxes], dim=1)
