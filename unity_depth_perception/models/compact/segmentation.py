"""The `compact` instance segmentation: object proposals, sharpened, thresholded and pasted into one instance image."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.compact.object_proposer import (
    SEGMENTATION_WEIGHTS,
    CompactProposer,
    embedded_proposer,
)
from unity_depth_perception.models.mask_rcnn.paste_masks import boxes_of_masks, paste_masks
from unity_depth_perception.models.mask_rcnn.sharpen_masks import sharpen_masks
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals, PromisedProposals
from unity_depth_perception.models.protocols import Candidates, Segmentation
from unity_depth_perception.models.runtime.threads import on_one_thread


class CompactSegmenter:
    """Instance segmentation of cubes and parallelepipeds; the categories are those of the checkpoint."""

    def __init__(self, device: torch.device, weights: Path = SEGMENTATION_WEIGHTS, acceleration: str = "none") -> None:
        """Load the networks; raise ModelError if the weights file cannot be read or is of another kind.

        `acceleration`, one of ACCELERATIONS, is of the detector's dense part.
        """
        is_embedded = weights == SEGMENTATION_WEIGHTS
        self.proposer = (
            embedded_proposer(device, acceleration) if is_embedded else CompactProposer(device, weights, acceleration)
        )
        self.name = "compact" if is_embedded else str(weights)
        self.device = device
        self.categories = self.proposer.categories

    def infer(
        self,
        image: Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> Segmentation:
        """Segment one image; see `Segmenter.infer`."""
        return self._segment(image, proposals() if proposals else self.proposer.propose(image, camera, gravity))

    @on_one_thread
    def _segment(self, image: Tensor, found: ObjectProposals) -> Segmentation:
        """The segmentation that follows from proposals."""
        height, width = image.shape[:2]
        is_object = 1 - found.probabilities[:, 0]
        scores = found.scores
        size = found.detections.size
        masks, boxes = sharpen_masks(image, found.masks, boxes_of_masks(found.detections.boxes), size, scores)
        order = found.ranked
        instances, kept = paste_masks(masks[order], boxes[order], size, height, width)
        chosen = order[kept]
        categories = found.probabilities[chosen, 1:].argmax(dim=1)
        columns = torch.stack([categories.to(scores.dtype), scores[chosen]])
        kept_categories, kept_scores = columns.tolist()  # one download
        class_scores = found.probabilities[:, 1:] * (scores / is_object.clamp(min=1e-6))[:, None]
        return Segmentation(
            instances,
            categories=tuple(self.categories[int(category)] for category in kept_categories),
            scores=tuple(kept_scores),
            candidates=Candidates(masks, boxes, size, class_scores, self.categories),
        )
