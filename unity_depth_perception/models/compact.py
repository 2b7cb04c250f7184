"""The embedded back ends: small networks trained on virtual Unity, shipped with the package."""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.processing import processing_size
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.second_look import SecondLookNetwork
from unity_depth_perception.models.segmentation_network import Detections, compact_mask_rcnn, detect, masks
from unity_depth_perception.models.weights import EMBEDDED, fill_network, load_weights
from unity_depth_perception.models.yardstick import Sightings, YardstickNetwork
from unity_depth_perception.ops.geometry import pixel_rays

DEPTH_WEIGHTS = EMBEDDED / "compact_depth.safetensors"
SEGMENTATION_WEIGHTS = EMBEDDED / "compact_segmentation.safetensors"
DEPTH_AREA_PX = 256 * 256
SEGMENTATION_AREA_PX = 560 * 560
_SCORE_THRESHOLD = 0.5
_LEAST_UNCOVERED = 0.5  # of a mask: else it is another guess at an object that a surer mask covers


class CompactDepth:
    """Metric depth of scenes that show a cube of the size trained on (see the model card)."""

    def __init__(self, device: torch.device, weights: Path = DEPTH_WEIGHTS) -> None:
        state, description = load_weights(weights)
        _check_kind(description, "compact-depth", weights)
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
        small = _resized(image, width, height)
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
        _check_kind(description, "compact-segmentation", weights)
        categories = description.get("categories")
        if not (isinstance(categories, list) and categories and all(isinstance(name, str) for name in categories)):
            raise ModelError(f"{weights}: expected a list of category names in the metadata, got {categories!r}")
        self.network, self.second_look = compact_mask_rcnn(len(categories)), SecondLookNetwork(len(categories))
        both = nn.ModuleDict({"detector": self.network, "second_look": self.second_look})
        fill_network(both, state, weights)
        both.to(device).to(memory_format=torch.channels_last).eval()
        self.name = "compact" if weights == SEGMENTATION_WEIGHTS else str(weights)
        self.device = device
        self.categories = tuple(categories)
        self._last: tuple[weakref.ref[Tensor], Tensor, Detections] | None = None

    def infer(self, image: Tensor) -> Segmentation:
        """Instances of `image` (H, W, 3) uint8 RGB on `device`."""
        height, width = image.shape[:2]
        small, found = self.detections(image)
        scale = torch.tensor([width / small.shape[3], height / small.shape[2]], device=self.device).repeat(2)
        soft = masks(self.network, found)
        instances, kept = _paste(soft, (found.boxes * scale).tolist(), height, width)
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
        small = _resized(image, *processing_size(image.shape[1], image.shape[0], SEGMENTATION_AREA_PX))
        found = detect(self.network, small[0], _SCORE_THRESHOLD)
        self._last = weakref.ref(image), small, found
        return small, found


@functools.cache
def embedded_segmenter(device: torch.device) -> CompactSegmenter:
    """The one of the shipped weights, shared by all who use it on a device."""
    return CompactSegmenter(device)


def _paste(masks: Tensor, boxes: list[list[float]], height: int, width: int) -> tuple[Tensor, list[int]]:
    """Instance image (H, W) uint8 of soft masks (N, M, M) in their boxes, surest first, and the indices of those kept.

    Only each box's own window is touched. A pixel belongs to the surest mask that claims it.
    """
    instances = torch.zeros((height, width), dtype=torch.uint8, device=masks.device)
    kept: list[int] = []
    for index, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        x_min, y_min = max(0, round(box[0])), max(0, round(box[1]))
        x_max, y_max = min(width, round(box[2])), min(height, round(box[3]))
        if x_max <= x_min or y_max <= y_min or len(kept) == 255:
            continue
        claimed = _window(mask, box, (x_min, y_min, x_max, y_max)) > 0.5
        window = instances[y_min:y_max, x_min:x_max]
        free = claimed & (window == 0)
        if int(free.sum()) <= _LEAST_UNCOVERED * int(claimed.sum()):
            continue
        kept.append(index)
        window[free] = len(kept)
    return instances, kept


def _window(mask: Tensor, box: list[float], window: tuple[int, int, int, int]) -> Tensor:
    """A soft mask (M, M), stretched over its box, sampled at the pixel centres of a window."""
    x_min, y_min, x_max, y_max = window
    x = (torch.arange(x_min, x_max, device=mask.device) + 0.5 - box[0]) / max(box[2] - box[0], 1e-3) * 2 - 1
    y = (torch.arange(y_min, y_max, device=mask.device) + 0.5 - box[1]) / max(box[3] - box[1], 1e-3) * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)[None]
    return functional.grid_sample(mask[None, None], grid, padding_mode="border", align_corners=False)[0, 0]


def _resized(image: Tensor, width: int, height: int) -> Tensor:
    """(1, 3, height, width) float 0..1 from (H, W, 3) uint8, antialiased; channels-last in memory, as `image` is."""
    small: Tensor = transforms.resize(image.permute(2, 0, 1)[None], [height, width], antialias=True)
    return small.float() / 255


def _check_kind(description: dict[str, Any], kind: str, source: Path) -> None:
    if description.get("kind") != kind:
        raise ModelError(f"{source}: expected weights of kind {kind}, got {description.get('kind')!r}")
