"""Object proposals: candidate objects in an image, an input of both compact segmentation and compact depth."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.models.compact.object_crops import Crops
from unity_depth_perception.models.mask_rcnn.detection import Detections
from unity_depth_perception.models.mask_rcnn.paste_masks import boxes_of_masks, paste_masks

SCORE_THRESHOLD = 0.55
"""Least score of an object that the compact segmentation reports."""
_PASTING_PX = 160  # sides of the image in which proposals that hide each other are told
Gravity = NDArray[np.float64]
"""(3,) unit vector of gravity in the optical frame (x right, y down, z forward)."""


@dataclass(frozen=True)
class ObjectProposals:
    """N candidate objects of one image.

    Attributes:
        detections: boxes of Mask R-CNN, in the image at the network's input size.
        masks: (N, 28, 28) soft masks 0..1, each stretched over its box.
        classify: computes `probabilities`, once: what needs the crops alone does not wait for it.
        crops: N crops of the image at the network's input size.
        intrinsics: (N, 4) fx, fy, cx, cy [px] of that image.
        gravity: (N, 3) unit vector of gravity in the optical frame; zeros where it is unknown.
    """

    detections: Detections
    masks: Tensor
    classify: Callable[[], Tensor]
    crops: Crops
    intrinsics: Tensor
    gravity: Tensor

    @functools.cached_property
    def probabilities(self) -> Tensor:
        """(N, 1 + C) of the crop classifier: background (no object), then each category."""
        return self.classify()

    @property
    def scores(self) -> Tensor:
        """(N,) geometric mean of the object probabilities of Mask R-CNN and of the crop classifier."""
        return (self.detections.scores * (1 - self.probabilities[:, 0])).sqrt()

    @functools.cached_property
    def ranked(self) -> Tensor:
        """Indices (K,) of the proposals of sufficient score, in descending order of score."""
        scores = self.scores
        order = scores.argsort(descending=True)
        return order[scores[order] >= SCORE_THRESHOLD]

    def reported(self) -> Tensor:
        """Indices (K,) of the proposals that a segmentation reports, in descending order of score.

        Those of low score, duplicates, and proposals inside an object of higher score are left out; see `paste_masks`.
        """
        order, boxes = self.ranked, boxes_of_masks(self.detections.boxes)
        _, kept = paste_masks(self.masks[order], boxes[order], self.detections.size, _PASTING_PX, _PASTING_PX)
        return order[kept]


PromisedProposals = Callable[[], ObjectProposals]
"""Returns the proposals of an image, which may still be computed in another thread."""
