"""Protocols of depth estimators and segmenters, and the values that they return."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals, PromisedProposals

SCALE_SOURCES = ("cube", "focal", "poses", "given", "learned", "none")
"""Where the metres of depth come from.

cube     a cube of known edge in the image
focal    the focal length of the camera, with a network that was trained for it
poses    poses of the camera in metres
given    the caller: measured or true depth, or metres per unit
learned  the appearance of the training images alone: a guess, in a scene that looks otherwise
none     nothing: there are no metres
"""


@dataclass(frozen=True)
class DepthPrediction:
    """Depth of one frame, on the model's device. What a model does not predict is None.

    Attributes:
        depth_m: (H, W) float32 planar depth at the image's size; NaN invalid, +Inf sky. Metres if `is_metric`.
        is_metric: whether `depth_m` is in metres.
        confidence: (H, W) float32, higher is more confident.
        intrinsics: (3, 3) float32 [px] predicted by the model, for the image's size, pixel centres at integers; on the
            device, so that it is not downloaded unless used.
        scatter_ratio: expected relative error of an object's depth; set by models whose floor is planar by
            construction, since the residuals of a ground plane then hide the error.
        scale_source: one of SCALE_SOURCES.
        grid: height and width of the map that `depth_m` was enlarged from, where that blurs the rims of objects.
    """

    depth_m: Tensor
    is_metric: bool
    confidence: Tensor | None = None
    intrinsics: Tensor | None = None
    scatter_ratio: float = 0.0
    scale_source: str = "none"
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.scale_source not in SCALE_SOURCES:
            raise InputError(f"expected a scale_source of {', '.join(SCALE_SOURCES)}, got {self.scale_source!r}")
        if self.depth_m.ndim != 2 or self.depth_m.dtype != torch.float32:
            raise InputError(f"expected depth (H, W) float32, got {tuple(self.depth_m.shape)} {self.depth_m.dtype}")

    def predicted_camera(self) -> Camera | None:
        """The camera of `intrinsics`, if the back end predicts one; downloads it."""
        if self.intrinsics is None:
            return None
        height, width = self.depth_m.shape
        return Camera.from_k(self.intrinsics.flatten().tolist(), width, height)


@dataclass(frozen=True)
class ViewsPrediction:
    """Depth and cameras of N images of one scene, consistent with each other.

    Attributes:
        depth_m: (N, H, W) float32 planar depth on the model's device; NaN invalid, +Inf sky. Metres if `is_metric`.
        confidence: (N, H, W) float32, higher is more confident.
        cameras: N intrinsics for the images' size, given or predicted.
        world_from_camera: (N, 4, 4) float64 poses of the optical frames, given or predicted; predicted ones are in the
            unit of `depth_m` and in an arbitrary world frame, their positions NaN where that unit is unknown.
        is_metric: whether depth and poses are in metres.
        gaussians: in the world of the poses, without those of sky, where the model predicts them and they were asked;
            those of one view after those of the view before.
        gaussian_counts: N numbers of Gaussians, of each view; empty without them.
    """

    depth_m: Tensor
    confidence: Tensor
    cameras: tuple[Camera, ...]
    world_from_camera: NDArray[np.float64]
    is_metric: bool
    gaussians: Gaussians | None = None
    gaussian_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """All N detections of a segmentation network, low scores included, on its device.

    An instance image holds only detections above a threshold, without overlaps and with one category each. Average
    precision needs all detections, with a score for every category.

    Attributes:
        masks: (N, M, M) 0..1, each stretched over its box; they may overlap.
        boxes: (N, 4) of the masks: x_min, y_min, x_max, y_max [px], max exclusive, in the network's input image.
        size: height and width of the network's input image [px].
        scores: (N, C) 0..1 of each category.
        categories: C names.
    """

    masks: Tensor
    boxes: Tensor
    size: tuple[int, int]
    scores: Tensor
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Segmentation:
    """Instances of one frame, on the model's device; object k has value k + 1 in the instance image.

    Attributes:
        instances: (H, W) uint8 or int32 instance image, 0 = background.
        categories: N category names.
        scores: N scores, 0..1.
        candidates: all detections of the network, if the model provides them.
    """

    instances: Tensor
    categories: tuple[str, ...]
    scores: tuple[float, ...]
    candidates: Candidates | None = None

    def __post_init__(self) -> None:
        if self.instances.ndim != 2 or self.instances.dtype not in (torch.uint8, torch.int32):
            raise InputError(
                "expected an instance image (H, W) uint8 or int32, "
                f"got {tuple(self.instances.shape)} {self.instances.dtype}"
            )
        if len(self.categories) != len(self.scores):
            raise InputError(f"expected one score per category, got {len(self.categories)} and {len(self.scores)}")

    def only(self, kept: Tensor) -> Segmentation:
        """The instances with indices `kept` (K,) int64, renumbered in this order; `candidates` is unchanged."""
        numbers = torch.zeros(len(self.categories) + 1, dtype=self.instances.dtype, device=self.instances.device)
        numbers[kept + 1] = torch.arange(1, len(kept) + 1, dtype=numbers.dtype, device=numbers.device)
        order = kept.tolist()
        return replace(
            self,
            instances=numbers[self.instances.to(torch.int64)],
            categories=tuple(self.categories[k] for k in order),
            scores=tuple(self.scores[k] for k in order),
        )


class ObjectProposer(Protocol):
    """A network that proposes candidate objects; loaded, on its device."""

    device: torch.device

    def propose(self, image: Tensor, camera: Camera, gravity: Gravity | None = None) -> ObjectProposals:
        """Propose objects in `image` (H, W, 3) uint8 RGB on `device`; arguments as in `DepthEstimator.infer`."""
        ...

    def propose_given(
        self, image: Tensor, camera: Camera, instances: Tensor, gravity: Gravity | None = None
    ) -> ObjectProposals:
        """The objects of an instance image (H, W) as proposals: what is known to be there is not searched for."""
        ...


class DepthEstimator(Protocol):
    """A monocular depth network; loaded, on its device.

    Attributes:
        proposer: the network whose proposals `infer` uses; None if it uses none.
    """

    name: str
    device: torch.device

    @property
    def proposer(self) -> ObjectProposer | None: ...

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        """Predict depth of one image. A model ignores the optional arguments that it has no use for.

        Args:
            image: (H, W, 3) uint8 RGB on `device`.
            camera: intrinsics of the image, same size.
            gravity: (3,) float64 unit vector of gravity in the optical frame, if known.
            proposals: returns the result of `proposer` for this image, which may still be computed: called where it is
                needed. None: the estimator calls its proposer itself.

        Raises:
            PoseError: the image contradicts `gravity`.
        """
        ...


class Segmenter(Protocol):
    """An instance segmentation network; loaded, on its device.

    Attributes:
        categories: names of the categories that it predicts.
        proposer: the network whose proposals `infer` uses; None if it uses none.
    """

    name: str
    device: torch.device
    categories: tuple[str, ...]

    @property
    def proposer(self) -> ObjectProposer | None: ...

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> Segmentation:
        """Segment objects of one image; the arguments are as in `DepthEstimator.infer`."""
        ...
