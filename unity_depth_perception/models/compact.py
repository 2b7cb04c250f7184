"""The embedded back ends: small networks trained on virtual Unity, shipped with the package."""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.floor_readings import FloorReadings, mirror
from unity_depth_perception.models.pasting import paste, resized
from unity_depth_perception.models.processing import processing_size
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.second_look import SecondLookNetwork
from unity_depth_perception.models.segmentation_network import LEAST_SCORE, Detections, compact_mask_rcnn, detect, masks
from unity_depth_perception.models.weights import (
    EMBEDDED,
    categories_of,
    check_kind,
    fill_network,
    input_area_px,
    load_weights,
)
from unity_depth_perception.models.yardstick import YardstickNetwork
from unity_depth_perception.ops.geometry import pixel_rays

DEPTH_WEIGHTS = EMBEDDED / "compact_depth.safetensors"
SEGMENTATION_WEIGHTS = EMBEDDED / "compact_segmentation.safetensors"
DEPTH_AREA_PX = 256 * 256
SEGMENTATION_AREA_PX = 560 * 560
SCORE_THRESHOLD = 0.55


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
        cubes = [1 + index for index, name in enumerate(self._finder.categories) if name.endswith("_cube")]
        self._cubes = torch.tensor(cubes, device=device)  # columns of `Look.odds`
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
        log_unit = math.log(seen.focal_px / CANONICAL_FOCAL_PX)
        normal, log_height = self._floor(image, camera, encoding.floor.scaled(log_unit))
        normals = torch.stack([normal, mirror(normal)])
        log_canonical, _ = self.network.decode(encoding, rays, normals, (log_height - log_unit).expand(2))
        both = (log_canonical[:1] + log_canonical[1:].flip(2)) / 2
        metres = both.exp() * (seen.focal_px / CANONICAL_FOCAL_PX)
        size = (camera.height, camera.width)
        depth_m = functional.interpolate(metres[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        return DepthPrediction(depth_m, is_metric=True)

    def _floor(self, image: Tensor, camera: Camera, guess: FloorReadings) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height (): what the cubes in `image` and its mirror image say, and the guesses at both.

        How likely each is a cube, the second look says.
        """
        look = self._finder.look(image)
        count, width = len(look.found.boxes), look.small.shape[3]
        seen = camera.resized(width, look.small.shape[2])
        boxes = torch.cat([look.found.boxes, _mirrored(look.found.boxes, width)])
        image_of = torch.arange(2, device=self.device).repeat_interleave(count)
        intrinsics = boxes.new_tensor(
            [[seen.fx, seen.fy, seen.cx, seen.cy], [seen.fx, seen.fy, width - 1 - seen.cx, seen.cy]]
        )
        said = self.yardstick(
            torch.cat([look.small, look.small.flip(3)]),
            torch.cat([image_of[:, None], boxes], dim=1),
            torch.cat([look.masks, look.masks.flip(2)]),
            intrinsics[image_of],
        )
        readings = FloorReadings.joined([guess, said.floor])
        is_cube = look.odds[:, self._cubes].sum(dim=1).repeat(2)
        mirrored = torch.cat([torch.arange(2, device=self.device), image_of]) == 1
        return readings.mirrored_back(mirrored).agreed(torch.cat([torch.ones_like(guess.log_error), is_cube]))


def _mirrored(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) in the mirror image of an image `width` px wide."""
    x_min, y_min, x_max, y_max = boxes.unbind(dim=1)
    return torch.stack([width - x_max, y_min, width - x_min, y_max], dim=1)


@dataclass(frozen=True)
class Look:
    """What may be objects in an image.

    Attributes:
        small: (1, 3, h, w) float 0..1 the image at the size looked at.
        found: N places where Mask R-CNN finds something, in `small`.
        masks: (N, 28, 28) 0..1, each stretched over its box.
        odds: (N, 1 + C) probability that it is nothing, and of each category.
    """

    small: Tensor
    found: Detections
    masks: Tensor
    odds: Tensor


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
        self._last: tuple[weakref.ref[Tensor], Look] | None = None

    def infer(self, image: Tensor) -> Segmentation:
        """Instances of `image` (H, W, 3) uint8 RGB on `device`; both networks must think that there is an object."""
        height, width = image.shape[:2]
        look = self.look(image)
        likely = (look.found.scores * (1 - look.odds[:, 0])).sqrt()
        surest = likely.argsort(descending=True)
        surest = surest[likely[surest] >= SCORE_THRESHOLD]
        scale = torch.tensor([width / look.small.shape[3], height / look.small.shape[2]], device=self.device).repeat(2)
        instances, kept = paste(look.masks[surest], (look.found.boxes[surest] * scale).tolist(), height, width)
        chosen = surest[kept]
        categories: list[int] = look.odds[chosen, 1:].argmax(dim=1).tolist()
        return Segmentation(
            instances,
            categories=tuple(self.categories[category] for category in categories),
            scores=tuple(likely[chosen].tolist()),
        )

    def look(self, image: Tensor) -> Look:
        """What both networks see in `image` (H, W, 3) uint8 RGB.

        Asked again for the same tensor, it gives the same answer without looking: depth and segmentation both ask.
        """
        last = self._last
        if last is not None and last[0]() is image:
            return last[1]
        small = resized(image, *processing_size(image.shape[1], image.shape[0], self._area_px))
        found = detect(self.network, small[0], LEAST_SCORE)
        soft = masks(self.network, found)
        look = Look(small, found, soft, self._odds(small, found.boxes, soft))
        self._last = weakref.ref(image), look
        return look

    def _odds(self, small: Tensor, boxes: Tensor, soft: Tensor) -> Tensor:
        """(N, 1 + C) of `Look`: the mean of what the second look says of the image and of its mirror image."""

        def odds(image: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
            of_image = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
            probability: Tensor = self.second_look(image, of_image, masks).softmax(dim=1)
            return probability

        mirrored = _mirrored(boxes, small.shape[3])
        return (odds(small, boxes, soft) + odds(small.flip(3), mirrored, soft.flip(2))) / 2


@functools.cache
def embedded_segmenter(device: torch.device) -> CompactSegmenter:
    """The one of the shipped weights, shared by all who use it on a device."""
    return CompactSegmenter(device)
