"""Detections of Mask R-CNN in one image: boxes, class probabilities and soft masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import nms

_NMS_IOU = 0.5
MIN_SCORE = 0.05
"""Least probability of an object for a detection to be kept, as in torchvision's Mask R-CNN."""


@dataclass(frozen=True)
class Detections:
    """N detections in one image, in descending order of score.

    Attributes:
        boxes: (N, 4) x_min, y_min, x_max, y_max [px], max exclusive.
        probabilities: (N, 1 + C) of the background (no object), then of each category.
        features: levels of the feature pyramid, for `soft_masks`.
        size: height and width of the image [px].
    """

    boxes: Tensor
    probabilities: Tensor
    features: dict[str, Tensor]
    size: tuple[int, int]

    @property
    def scores(self) -> Tensor:
        """(N,) probability of an object, whatever its category."""
        return 1 - self.probabilities[:, 0]

    @property
    def labels(self) -> Tensor:
        """(N,) int64 most probable category, counted from 1."""
        return 1 + self.probabilities[:, 1:].argmax(dim=1)


def detect(network: MaskRCNN, image: Tensor, min_score: float) -> Detections:
    """Detect objects in one image (3, H, W) float RGB 0..1, with class-agnostic non-maximum suppression.

    torchvision scores and suppresses each category by itself. An object that is a cube or a parallelepiped with equal
    probability is then detected twice or, if both scores are below the threshold, not at all; here it is detected once.
    """
    size = (image.shape[1], image.shape[2])
    transform, heads = network.transform, network.roi_heads  # called as a whole, the transform would resize the image
    images = ImageList(transform.batch_images([transform.normalize(image)]), [size])
    features = network.backbone(images.tensors)
    proposals, _ = network.rpn(images, features)
    logits, regression = heads.box_predictor(heads.box_head(heads.box_roi_pool(features, proposals, [size])))
    labels = logits[:, 1:].argmax(dim=1) + 1
    label_boxes = heads.box_coder.decode(regression, proposals)[torch.arange(len(labels), device=image.device), labels]
    boxes = torch.stack([label_boxes[:, k].clamp(0, size[1 - k % 2]) for k in range(4)], dim=1)
    probabilities = logits.softmax(dim=1)
    scores = 1 - probabilities[:, 0]
    kept = (scores >= min_score).nonzero().squeeze(1)
    kept = kept[nms(boxes[kept], scores[kept], _NMS_IOU)][: heads.detections_per_img]
    return Detections(boxes[kept], probabilities[kept], features, size)


def soft_masks(network: MaskRCNN, found: Detections) -> Tensor:
    """Soft masks (N, 28, 28) 0..1 of N detections, each stretched over its box."""
    heads = network.roi_heads
    pooled = heads.mask_roi_pool(found.features, [found.boxes], [found.size])
    logits: Tensor = heads.mask_predictor(heads.mask_head(pooled))  # (N, 1 + C, 28, 28)
    return logits[torch.arange(len(found.boxes), device=logits.device), found.labels].sigmoid()
