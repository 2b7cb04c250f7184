"""The embedded back ends: small networks trained on virtual Unity, shipped with the package."""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import PoseError
from unity_depth_perception.models.crops import Crops, cut_out
from unity_depth_perception.models.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.floor_readings import FloorReadings, mirror
from unity_depth_perception.models.pasting import paste, resized
from unity_depth_perception.models.processing import processing_size
from unity_depth_perception.models.protocols import Candidates, DepthPrediction, Segmentation
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
SEGMENTATION_AREA_PX = 640 * 640
SCORE_THRESHOLD = 0.55
_SCATTER_RATIO = 0.02  # of the depths of objects: the median error of their medians where the floor is right
_MOST_TILT_RAD = math.radians(60)  # of a guess at the floor against the truth: 35 degrees at most, even straight down
_SURE = -0.8  # log error of a guess that may contradict a pose; that of a blank image is larger
_TYPICAL_FOV_RAD = math.radians(60)


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
        """Depth of `image` (H, W, 3) uint8 RGB on `device`, taken by `camera` (same size)."""
        return self._infer(image, camera, None)

    def infer_upright(self, image: Tensor, camera: Camera, down: NDArray[np.float64]) -> DepthPrediction:
        """The same, gravity pointing along `down` (3,), a unit vector in the optical frame.

        Raises:
            PoseError: the floor that the image shows is not square to that by far.
        """
        return self._infer(image, camera, down)

    def _infer(self, image: Tensor, camera: Camera, down: NDArray[np.float64] | None) -> DepthPrediction:
        """The geometric mean of what the network sees in the image and in its mirror image."""
        width, height = processing_size(camera.width, camera.height, DEPTH_AREA_PX)
        seen = camera.resized(width, height)
        x, y = pixel_rays(seen, self.device)
        rays = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]
        small = resized(image, width, height)
        rays = torch.cat([rays, rays.flip(3) * rays.new_tensor([-1.0, 1.0])[:, None, None]])
        encoding = self.network.encode(torch.cat([small, small.flip(3)]), rays)
        if down is not None:
            _require_plausible(down, encoding.floor)
        log_unit = math.log(seen.focal_px / CANONICAL_FOCAL_PX)
        normal, log_height = self._floor(image, camera, encoding.floor.scaled(log_unit), down)
        normals = torch.stack([normal, mirror(normal)])
        log_ratio, _ = self.network.decode(encoding, rays, normals)
        metres = ((log_ratio[:1] + log_ratio[1:].flip(2)) / 2 + log_height).exp()
        size = (camera.height, camera.width)
        depth_m = functional.interpolate(metres[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        return DepthPrediction(depth_m, is_metric=True, scatter_ratio=_SCATTER_RATIO)

    def _floor(
        self, image: Tensor, camera: Camera, guess: FloorReadings, down: NDArray[np.float64] | None
    ) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height (): what the cubes in `image` and its mirror image say, and the guesses at both.

        How likely each is a cube, the second look says.
        """
        look = self._finder.look(image, camera, down)
        said = self.yardstick(look.crops, look.intrinsics, look.down)
        readings = FloorReadings.joined([guess, said.floor])
        is_cube = look.odds[:, self._cubes].sum(dim=1).repeat(2)
        mirrored = torch.cat([torch.arange(2, device=self.device), look.crops.image_of]) == 1
        normal, log_height = readings.mirrored_back(mirrored).agreed(
            torch.cat([torch.ones_like(guess.log_error), is_cube])
        )
        return normal if down is None else torch.tensor(down, dtype=torch.float32, device=self.device), log_height


def _require_plausible(down: NDArray[np.float64], guesses: FloorReadings) -> None:
    """Refuse a direction that the network's guesses at the floor, in the image and in its mirror image, contradict."""
    normal, _ = guesses.mirrored_back(torch.arange(2, device=guesses.normal.device) == 1).agreed()
    guess = normal.double().cpu().numpy()
    tilt_rad = math.acos(min(1.0, max(-1.0, float(guess @ down))))
    if tilt_rad > _MOST_TILT_RAD and float(guesses.log_error.mean()) < _SURE:
        raise PoseError(
            f"the camera's pose says that down is {_listed(down)} in the image's optical frame (x right, y down, "
            f"z forward), but the floor seems to be {math.degrees(tilt_rad):.0f} degrees off that, down being "
            f"{_listed(guess)}: expected the pose of the optical frame, not of the camera's body, in a world with z up"
        )


def _listed(direction: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in direction) + ")"


def _mirrored(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) in the mirror image of an image `width` px wide."""
    x_min, y_min, x_max, y_max = boxes.unbind(dim=1)
    return torch.stack([width - x_max, y_min, width - x_min, y_max], dim=1)


@dataclass(frozen=True)
class Look:
    """What may be objects in an image.

    Attributes:
        found: N places where Mask R-CNN finds something, in the image at the size looked at.
        masks: (N, 28, 28) 0..1, each stretched over its box.
        odds: (N, 1 + C) probability that it is nothing, and of each category.
        crops: what is there, and then the same in the mirror image: 2 N crops.
        intrinsics: (2 N, 4) fx, fy, cx, cy [px] of the crop's image.
        down: (2 N, 3) where gravity points in the optical frame of the crop's image; zeros if that is not known.
    """

    found: Detections
    masks: Tensor
    odds: Tensor
    crops: Crops
    intrinsics: Tensor
    down: Tensor


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
        self._last: tuple[weakref.ref[Tensor], object, Look] | None = None

    def infer(self, image: Tensor) -> Segmentation:
        """Instances of `image` (H, W, 3) uint8 RGB on `device`, taken by a camera of 60 degrees or so."""
        height, width = image.shape[:2]
        return self.infer_through(image, Camera.from_vertical_fov(_TYPICAL_FOV_RAD, width, height), None)

    def infer_through(self, image: Tensor, camera: Camera, down: NDArray[np.float64] | None) -> Segmentation:
        """Instances of `image` (H, W, 3) uint8 RGB on `device`; both networks must think that there is an object.

        Args:
            camera: of the image, same size.
            down: (3,) unit vector in the optical frame: where gravity points, if that is known.
        """
        height, width = image.shape[:2]
        look = self.look(image, camera, down)
        is_object = 1 - look.odds[:, 0]
        likely = (look.found.scores * is_object).sqrt()
        surest = likely.argsort(descending=True)
        surest = surest[likely[surest] >= SCORE_THRESHOLD]
        instances, kept = paste(look.masks[surest], look.found.boxes[surest], look.found.size, height, width)
        chosen = surest[kept]
        categories: list[int] = look.odds[chosen, 1:].argmax(dim=1).tolist()
        scores = look.odds[:, 1:] * (likely / is_object.clamp(min=1e-6))[:, None]
        return Segmentation(
            instances,
            categories=tuple(self.categories[category] for category in categories),
            scores=tuple(likely[chosen].tolist()),
            candidates=Candidates(look.masks, look.found.boxes, look.found.size, scores, self.categories),
        )

    def look(self, image: Tensor, camera: Camera, down: NDArray[np.float64] | None) -> Look:
        """What both networks see in `image` (H, W, 3) uint8 RGB.

        Asked again the same of the same tensor, it gives the same answer without looking: depth and segmentation both
        ask.
        """
        asked = camera, None if down is None else tuple(down)
        last = self._last
        if last is not None and last[0]() is image and last[1] == asked:
            return last[2]
        small = resized(image, *processing_size(image.shape[1], image.shape[0], self._area_px))
        found = detect(self.network, small[0], LEAST_SCORE)
        look = self._examined(small, found, camera.resized(found.size[1], found.size[0]), down)
        self._last = weakref.ref(image), asked, look
        return look

    def _examined(self, small: Tensor, found: Detections, seen: Camera, down: NDArray[np.float64] | None) -> Look:
        """The odds of what was found: the mean of what the second look says of the image and of its mirror image."""
        soft, count, width = masks(self.network, found), len(found.boxes), small.shape[3]
        boxes = torch.cat([found.boxes, _mirrored(found.boxes, width)])
        image_of = torch.arange(2, device=self.device).repeat_interleave(count)
        numbered = torch.cat([image_of[:, None], boxes], dim=1)
        crops = cut_out(torch.cat([small, small.flip(3)]), numbered, torch.cat([soft, soft.flip(2)]))
        cameras = boxes.new_tensor(
            [[seen.fx, seen.fy, seen.cx, seen.cy], [seen.fx, seen.fy, width - 1 - seen.cx, seen.cy]]
        )
        known = boxes.new_tensor((0.0, 0.0, 0.0) if down is None else tuple(down))
        downs = torch.stack([known, mirror(known)])
        intrinsics, downs = cameras[image_of], downs[image_of]
        odds = self.second_look(crops, small.shape[2:], intrinsics, downs).softmax(dim=1)
        return Look(found, soft, (odds[:count] + odds[count:]) / 2, crops, intrinsics, downs)


@functools.cache
def embedded_segmenter(device: torch.device) -> CompactSegmenter:
    """The one of the shipped weights, shared by all who use it on a device."""
    return CompactSegmenter(device)
