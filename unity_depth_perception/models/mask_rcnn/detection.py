"""Detections of Mask R-CNN in one image: boxes, class probabilities and soft masks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import nms

from unity_depth_perception.models.runtime.upload import upload

_NMS_IOU = 0.5
MIN_SCORE = 0.05
"""Least probability of an object for a detection to be kept, as in torchvision's Mask R-CNN."""


class DenseFeatures(NamedTuple):
    """Output of the detector's dense part for one image.

    Attributes:
        features: levels of the feature pyramid, finest first.
        objectness: (1, A, h, w) of each level: logits of A anchors at each place.
        deltas: (1, 4 A, h, w) of each level: their regression.
    """

    features: dict[str, Tensor]
    objectness: list[Tensor]
    deltas: list[Tensor]


class DensePart(nn.Module):
    """Backbone, feature pyramid and head of the region proposals: all that is computed at every place of the image."""

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.rpn.head
        device = next(network.parameters()).device
        mean, std = network.transform.image_mean, network.transform.image_std
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean, device=device).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, device=device).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> DenseFeatures:
        """Features and proposals of one image (1, 3, H, W) float RGB 0..1."""
        features = self.backbone((image - self.mean) / self.std)
        return DenseFeatures(features, *self.head(list(features.values())))


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


def detect(
    network: MaskRCNN, image: Tensor, min_score: float, dense: Callable[[Tensor], DenseFeatures] | None = None
) -> Detections:
    """Detect objects in one image (3, H, W) float RGB 0..1, with class-agnostic non-maximum suppression.

    torchvision scores and suppresses each category by itself. An object that is a cube or a parallelepiped with equal
    probability is then detected twice or, if both scores are below the threshold, not at all; here it is detected once.
    `dense` is an accelerated DensePart of the network.
    """
    size = (image.shape[1], image.shape[2])
    heads = network.roi_heads
    padded = _padded(network, image[None])
    features, objectness, deltas = (dense or DensePart(network))(padded)
    features = {name: level.contiguous() for name, level in features.items()}  # else each RoIAlign copies them
    proposals = _proposals(network, padded, size, objectness, deltas)
    logits, regression = heads.box_predictor(heads.box_head(heads.box_roi_pool(features, proposals, [size])))
    labels = logits[:, 1:].argmax(dim=1) + 1
    label_boxes = heads.box_coder.decode(regression, proposals)[torch.arange(len(labels), device=image.device), labels]
    boxes = torch.stack([label_boxes[:, k].clamp(0, size[1 - k % 2]) for k in range(4)], dim=1)
    probabilities = logits.softmax(dim=1)
    scores = 1 - probabilities[:, 0]
    kept = (scores >= min_score).nonzero().squeeze(1)
    kept = kept[nms(boxes[kept], scores[kept], _NMS_IOU)][: heads.detections_per_img]
    return Detections(boxes[kept], probabilities[kept], features, size)


def _padded(network: MaskRCNN, image: Tensor) -> Tensor:
    """The image (1, 3, H, W) with sides that every level of the pyramid divides; new pixels are 0 when normalised."""
    divisor = network.transform.size_divisible
    right, bottom = -image.shape[3] % divisor, -image.shape[2] % divisor
    if not right and not bottom:
        return image
    padded = upload(network.transform.image_mean, image)[:, None, None].repeat(
        1, 1, image.shape[2] + bottom, image.shape[3] + right
    )
    padded[..., : image.shape[2], : image.shape[3]] = image
    return padded


def _proposals(
    network: MaskRCNN,
    padded: Tensor,
    size: tuple[int, int],
    objectness: list[Tensor],
    deltas: list[Tensor],
) -> list[Tensor]:
    """Boxes (N, 4) of the proposals in a list of one image, as by the forward of torchvision's RegionProposalNetwork.

    Args:
        padded: (1, 3, H, W) the padded image.
        size: height and width of the image without padding.
        objectness, deltas: see DenseFeatures.
    """
    rpn = network.rpn
    shapes = tuple((level.shape[2], level.shape[3]) for level in objectness)
    anchors = _anchors(rpn.anchor_generator, (padded.shape[2], padded.shape[3]), shapes, padded.device)
    per_level = [level[0].numel() for level in objectness]
    scores, regression = concat_box_prediction_layers(objectness, deltas)
    # Only the boxes that `filter_proposals` looks at are decoded: a hundredth of all.
    best = rpn._get_top_n_idx(scores.view(1, -1), per_level)[0]
    boxes = rpn.box_coder.decode(regression[best], [anchors[best]]).view(1, -1, 4)
    kept_per_level = [min(count, rpn.pre_nms_top_n()) for count in per_level]
    proposals: list[Tensor] = rpn.filter_proposals(boxes, scores[best], [size], kept_per_level)[0]
    return proposals


@functools.lru_cache(maxsize=16)
def _anchors(
    generator: AnchorGenerator, size: tuple[int, int], shapes: tuple[tuple[int, int], ...], device: torch.device
) -> Tensor:
    """Anchors (N, 4) of all levels of an image of a size (height, width) whose levels have these shapes."""
    with torch.inference_mode(False):  # what is cached may be used in a training too
        image = torch.empty((1, 3, *size), device=device)
        levels = [torch.empty((1, 1, *shape), device=device) for shape in shapes]
        anchors: Tensor = generator(ImageList(image, [size]), levels)[0]
    return anchors


def soft_masks(network: MaskRCNN, found: Detections) -> Tensor:
    """Soft masks (N, 28, 28) 0..1 of N detections, each stretched over its box."""
    heads = network.roi_heads
    pooled = heads.mask_roi_pool(found.features, [found.boxes], [found.size])
    logits: Tensor = heads.mask_predictor(heads.mask_head(pooled))  # (N, 1 + C, 28, 28)
    return logits[torch.arange(len(found.boxes), device=logits.device), found.labels].sigmoid()
