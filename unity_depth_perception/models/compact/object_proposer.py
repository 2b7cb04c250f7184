"""The embedded object proposer: detection by Mask R-CNN, re-scored by the crop classifier."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import masks_to_boxes, roi_align

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.checkpoints.safetensors_file import (
    EMBEDDED,
    categories_of,
    check_kind,
    fill_network,
    input_area_px,
    load_weights,
)
from unity_depth_perception.models.compact.crop_classifier import CropClassifier
from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.compact.object_crops import MASK_PX, Crops, crop_objects
from unity_depth_perception.models.image_size import processing_size, resize_image
from unity_depth_perception.models.mask_rcnn.detection import MIN_SCORE, DensePart, Detections, detect, soft_masks
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals
from unity_depth_perception.models.runtime.acceleration import accelerate
from unity_depth_perception.models.runtime.threads import on_one_thread
from unity_depth_perception.models.runtime.upload import upload

SEGMENTATION_WEIGHTS = EMBEDDED / "compact_segmentation.safetensors"
SEGMENTATION_AREA_PX = 640 * 640
_MOST_GIVEN = 64  # given objects that are looked at; the scale needs no more


class CompactProposer:
    """Mask R-CNN and the crop classifier, loaded from one segmentation checkpoint."""

    def __init__(self, device: torch.device, weights: Path = SEGMENTATION_WEIGHTS, acceleration: str = "none") -> None:
        """Load the networks; raise ModelError if the weights file cannot be read or is of another kind.

        `acceleration`, one of ACCELERATIONS, is of the detector's dense part.
        """
        state, description = load_weights(weights)
        check_kind(description, "compact-segmentation", weights)
        self.categories = categories_of(description, weights)
        count = len(self.categories)
        self.detector, self.crop_classifier = compact_mask_rcnn(count), CropClassifier(count)
        networks = nn.ModuleDict({"detector": self.detector, "crop_classifier": self.crop_classifier})
        fill_network(networks, state, weights)
        networks.to(device).to(memory_format=torch.channels_last).eval()
        self._dense = accelerate(DensePart(self.detector), acceleration, device, "the detector of compact segmentation")
        self.device = device
        self._area_px = input_area_px(description, weights, SEGMENTATION_AREA_PX)

    def propose(self, image: Tensor, camera: Camera, gravity: Gravity | None = None) -> ObjectProposals:
        """Detect and classify candidate objects in one image; see `ObjectProposer.propose`."""
        small = resize_image(image, *processing_size(image.shape[1], image.shape[0], self._area_px))
        detections = detect(self.detector, small[0], MIN_SCORE, self._dense)
        masks = soft_masks(self.detector, detections)
        resized = camera.resized(detections.size[1], detections.size[0])
        return self._with_crops(small, detections, masks, resized, gravity)

    def propose_given(
        self, image: Tensor, camera: Camera, instances: Tensor, gravity: Gravity | None = None
    ) -> ObjectProposals:
        """The objects of an instance image as proposals; see `ObjectProposer.propose_given`."""
        small = resize_image(image, *processing_size(image.shape[1], image.shape[0], self._area_px))
        size = (small.shape[2], small.shape[3])
        shown = functional.interpolate(instances[None, None].float(), size=size, mode="nearest-exact")[0, 0]
        counts = torch.bincount(shown.flatten().long())[1:]
        ids = 1 + (counts > 0).nonzero().squeeze(1)
        found = shown == ids[:_MOST_GIVEN, None, None]
        boxes = masks_to_boxes(found).reshape(-1, 4) + upload([0, 0, 1, 1], shown)
        masks = shown.new_zeros(len(boxes), MASK_PX, MASK_PX)
        for k, (mask, box) in enumerate(zip(found, boxes, strict=True)):
            roi = functional.pad(box[None], (1, 0))
            masks[k] = roi_align(mask[None, None].float(), roi, MASK_PX, sampling_ratio=2)[0, 0]
        certain = shown.new_zeros(len(boxes), 1 + len(self.categories))
        certain[:, 1] = 1.0  # an object, of whatever category
        resized = camera.resized(size[1], size[0])
        proposals = self._with_crops(small, Detections(boxes, certain, {}, size), masks, resized, gravity)
        return replace(proposals, classify=lambda: _without_background(proposals.probabilities))

    def _with_crops(
        self, small: Tensor, detections: Detections, masks: Tensor, camera: Camera, gravity: Gravity | None
    ) -> ObjectProposals:
        """Proposals of the detections, which are classified by a crop of each."""
        count = len(detections.boxes)
        image_of = torch.zeros(count, dtype=torch.int64, device=self.device)
        crops = crop_objects(small, torch.cat([image_of[:, None], detections.boxes], dim=1), masks)
        intrinsics = upload([camera.fx, camera.fy, camera.cx, camera.cy], masks).expand(count, 4)
        directions = upload((0.0, 0.0, 0.0) if gravity is None else gravity, masks).expand(count, 3)
        return ObjectProposals(
            detections,
            masks,
            lambda: self._probabilities(crops, detections.size, intrinsics, directions),
            crops,
            intrinsics,
            directions,
        )

    @on_one_thread
    @torch.no_grad()  # as the proposals, even if they are read outside the mode that they were made in
    def _probabilities(self, crops: Crops, size: tuple[int, int], intrinsics: Tensor, gravity: Tensor) -> Tensor:
        """Probabilities (N, 1 + C) of N crops; the arguments are those of the crop classifier."""
        probabilities: Tensor = self.crop_classifier(crops, size, intrinsics, gravity).softmax(dim=1)
        return probabilities


def _without_background(probabilities: Tensor) -> Tensor:
    """Probabilities (N, 1 + C) of objects that are known to be there: those of the categories, given an object."""
    categories = probabilities[:, 1:]
    return functional.pad(categories / categories.sum(dim=1, keepdim=True).clamp(min=1e-6), (1, 0))


@functools.cache
def embedded_proposer(device: torch.device, acceleration: str = "none") -> CompactProposer:
    """The proposer of the shipped weights, loaded once for each device and acceleration.

    Compact depth and segmentation share it.
    """
    return CompactProposer(device, acceleration=acceleration)
