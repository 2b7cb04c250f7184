"""The embedded back ends: small networks trained on virtual Unity, shipped with the package."""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.pasting import paste, resized
from unity_depth_perception.models.processing import processing_size
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.second_look import SecondLookNetwork
from unity_depth_perception.models.segmentation_network import Detections, compact_mask_rcnn, detect, masks
from unity_depth_perception.models.weights import (
    EMBEDDED,
    categories_of,
    check_kind,
    fill_network,
    input_area_px,
    load_weights,
)
from unity_depth_perception.models.yardstick import Sightings, YardstickNetwork
from unity_depth_perception.ops.geometry import pixel_rays

DEPTH_WEIGHTS = EMBEDDED / "compact_depth.safetensors"
SEGMENTATION_WEIGHTS = EMBEDDED / "compact_segmentation.safetensors"
DEPTH_AREA_PX = 256 * 256
SEGMENTATION_AREA_PX = 560 * 560
SCORE_THRESHOLD = 0.5


class CompactDepth:
    """Metric depth of scenes that show a cube of the size trained on (see the model card)."""

    def __init__(self, device: torch.device, weights: Path = DEPTH_WEIGHTS) -> None:
        state, description = load_weights(weights)
        check_kind(description, "compact-depth", weights)
        self.network, self.yardstick = CompactDepthNetwork(), YardstickNetwork()
        both = nn.ModuleDict({"dense": self.network, "yardstick": self.yardstick})
        fill_network(both, state, weights)
        both.to(device).to(memory_format=torch.channels_last).eval()
        self._finder = embedded_segmenter(device)
        self.name = "compact" if weights == DEPTH_WEIGHTS else str(weights)
        self.device = device

    def infer(self, image: Tensor, camera: Camera) -> DepthPrediction:
        """Depth of `image` (H, W, 3) uint8 RGB on `device`, taken by `camera` (same size).

        The geometric mean of what the network sees in the image and in its mirror image.
        """
        width, height = processing_size(camera.width, camera.height, DEPTH_AREA_PX)
        seen = camera.resized(width, height)
        x, y = pixel_rays(seen, self.device)
        rays = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]
        small = resized(image, width, height)
        rays = torch.cat([rays, rays.flip(3) * rays.new_tensor([-1.0, 1.0])[:, None, None]])
        encoding = self.network.encode(torch.cat([small, small.flip(3)]), rays)
        normals, log_heights = encoding.floor_normal, encoding.log_height
        sightings = self._sightings(image, camera)
        if sightings is not None:
            normal, log_height = sightings.agreed()
            normals = torch.stack([normal, normal * _mirror(normal)])
            log_heights = (log_height + math.log(CANONICAL_FOCAL_PX / seen.focal_px)).expand(2)
        log_canonical, _ = self.network.decode(encoding, rays, normals, log_heights)
        both = (log_canonical[:1] + log_canonical[1:].flip(2)) / 2
        metres = both.exp() * (seen.focal_px / CANONICAL_FOCAL_PX)
        size = (camera.height, camera.width)
        depth_m = functional.interpolate(metres[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        return DepthPrediction(depth_m, is_metric=True)

    def _sightings(self, image: Tensor, camera: Camera) -> Sightings | None:
        """What the cubes in `image` and in its mirror image say; None if there is none."""
        small, found = self._finder.detections(image)
        count = len(found.boxes)
        if not count:
            return None
        width = small.shape[3]
        seen = camera.resized(width, small.shape[2])
        boxes = torch.cat([found.boxes, _mirrored(found.boxes, width)])
        image_of = torch.arange(2, device=self.device).repeat_interleave(count)[:, None]
        intrinsics = boxes.new_tensor(
            [[seen.fx, seen.fy, seen.cx, seen.cy], [seen.fx, seen.fy, width - 1 - seen.cx, seen.cy]]
        )
        said: Sightings = self.yardstick(
            torch.cat([small, small.flip(3)]), torch.cat([image_of, boxes], dim=1), intrinsics[image_of[:, 0]]
        )
        back = torch.where(image_of == 1, _mirror(said.floor_normal), 1.0)
        return replace(said, floor_normal=said.floor_normal * back)


def _mirror(vectors: Tensor) -> Tensor:
    """(3,) what a mirrored camera sees vectors of the optical frame multiplied by."""
    return vectors.new_tensor([-1.0, 1.0, 1.0])


def _mirrored(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) in the mirror image of an image `width` px wide."""
    x_min, y_min, x_max, y_max = boxes.unbind(dim=1)
    return torch.stack([width - x_max, y_min, width - x_min, y_max], dim=1)


class CompactSegmenter:
    """Mask R-CNN for cubes and parallelepipeds; its categories are those of its checkpoint."""

    def __init__(self, device: torch.device, weights: Path = SEGMENTATION_WEIGHTS) -> None:
        state, description = load_weights(weights)
        check_kind(description, "compact-segmentation", weights)
        categories = categories_of(description, weights)
        self.network, self.second_look = compact_mask_rcnn(len(categories)), SecondLookNetwork(len(categories))
        both = nn.ModuleDict({"detector": self.network, "second_look": self.second_look})
        fill_network(both, state, weights)
        both.to(device).to(memory_format=torch.channels_last).eval()
        self.name = "compact" if weights == SEGMENTATION_WEIGHTS else str(weights)
        self.device = device
        self.categories = categories
        self._area_px = input_area_px(description, weights, SEGMENTATION_AREA_PX)
        self._last: tuple[weakref.ref[Tensor], Tensor, Detections] | None = None

    def infer(self, image: Tensor) -> Segmentation:
        """Instances of `image` (H, W, 3) uint8 RGB on `device`."""
        height, width = image.shape[:2]
        small, found = self.detections(image)
        scale = torch.tensor([width / small.shape[3], height / small.shape[2]], device=self.device).repeat(2)
        soft = masks(self.network, found)
        instances, kept = paste(soft, (found.boxes * scale).tolist(), height, width)
        categories, scores = self._categories(small, found, soft), found.scores.tolist()
        return Segmentation(
            instances,
            categories=tuple(self.categories[categories[index]] for index in kept),
            scores=tuple(scores[index] for index in kept),
        )

    def _categories(self, small: Tensor, found: Detections, soft: Tensor) -> list[int]:
        """Indices of the categories that the second look finds most likely, in the image and in its mirror image."""

        def odds(image: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
            of_image = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
            probability: Tensor = self.second_look(image, of_image, masks).softmax(dim=1)
            return probability

        mirrored = _mirrored(found.boxes, small.shape[3])
        both = odds(small, found.boxes, soft) + odds(small.flip(3), mirrored, soft.flip(2))
        chosen: list[int] = both.argmax(dim=1).tolist()
        return chosen

    def detections(self, image: Tensor) -> tuple[Tensor, Detections]:
        """The image (1, 3, h, w) float 0..1 at the size looked at, and the objects in it, without their masks.

        Asked again for the same tensor, it gives the same answer without looking: depth and segmentation both ask.
        """
        last = self._last
        if last is not None and last[0]() is image:
            return last[1], last[2]
        small = resized(image, *processing_size(image.shape[1], image.shape[0], self._area_px))
        found = detect(self.network, small[0], SCORE_THRESHOLD)
        self._last = weakref.ref(image), small, found
        return small, found


@functools.cache
def embedded_segmenter(device: torch.device) -> CompactSegmenter:
    """The one of the shipped weights, shared by all who use it on a device."""
    return CompactSegmenter(device)
