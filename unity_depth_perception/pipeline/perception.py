"""Frame in, PerceptionResult out."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.association import ParentLink
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ConfigurationError, ImageError, PoseError
from unity_depth_perception.core.floor import up_from_pose
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.models.protocols import (
    CameraAwareSegmenter,
    DepthEstimator,
    DepthPrediction,
    Segmentation,
    Segmenter,
    UprightDepthEstimator,
)
from unity_depth_perception.models.scale import DepthScale
from unity_depth_perception.ops.geometry import require_size
from unity_depth_perception.ops.validity import within
from unity_depth_perception.pipeline.relation import relate


@dataclass(frozen=True)
class Frame:
    """One camera image and what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB, top row first.
        camera: intrinsics of this image, same size.
        stamp_ns: time of the image [ns], passed through unchanged.
        frame_id: the camera's optical frame, passed through unchanged.
        world_from_camera: (4, 4) float64 pose of the optical frame in a world with z up, if known.
    """

    image: NDArray[np.uint8]
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""
    world_from_camera: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ImageError(f"expected an image (H, W, 3) uint8 RGB, got {self.image.shape} {self.image.dtype}")
        if self.image.shape[:2] != (self.camera.height, self.camera.width):
            raise CameraError(
                f"expected a camera of {self.image.shape[1]} x {self.image.shape[0]} px like its image, "
                f"got {self.camera.width} x {self.camera.height}"
            )


@dataclass(frozen=True)
class Limits:
    """What counts of a frame.

    Attributes:
        min_score: objects with a lower score are left out.
        min_depth_m: what is nearer becomes invalid.
        max_depth_m: what is farther becomes +Inf, like sky.
    """

    min_score: float = 0.0
    min_depth_m: float = 0.0
    max_depth_m: float = math.inf


@dataclass(frozen=True)
class PerceptionResult:
    """Everything known about one frame; tensors are still on the device.

    Attributes:
        frame: without its pose if that was left out of account.
        depth: depth at the image's size.
        segmentation: instances at the image's size; object k is `objects[k]`.
        objects: distances, positions and parents.
        depth_model: name of the model, "given" where the caller handed in the depth; so for `segmentation_model`.
        stage_s: wall-clock seconds spent in each stage: upload, depth, segmentation, objects.
        links: what each object stands on and how sure that is; None: the floor.
        pose_error: why the camera's pose was left out of account, if it contradicts the image.
    """

    frame: Frame
    image: Tensor  # (H, W, 3) uint8 on the device
    depth: DepthPrediction
    segmentation: Segmentation
    objects: tuple[ObjectDistance, ...]
    depth_model: str
    segmentation_model: str
    stage_s: dict[str, float] = field(default_factory=dict)
    links: tuple[ParentLink | None, ...] = ()
    pose_error: PoseError | None = None


_NO_LIMITS = Limits()
_NO_SCALE = DepthScale()


class PerceptionPipeline:
    """Runs a depth estimator and a segmenter on frames and relates their results.

    A stage may be None where every frame brings its result along: ground truth, or another node's output.
    """

    def __init__(
        self,
        depth_estimator: DepthEstimator | None,
        segmenter: Segmenter | None,
        device: torch.device | None = None,
        scale: DepthScale = _NO_SCALE,
    ) -> None:
        """`device` is for a pipeline without models; otherwise the models' own, on which they must agree.

        `scale` makes metres of relative depth; without one it is refused.

        Raises:
            ConfigurationError: the models are on different devices.
        """
        devices = [model.device for model in (depth_estimator, segmenter) if model is not None]
        if len({_place(d) for d in devices}) > 1:
            raise ConfigurationError(
                f"expected the depth model and the segmentation model on one device, got {devices[0]} and {devices[1]}"
            )
        self.depth_estimator = depth_estimator
        self.segmenter = segmenter
        self.device = devices[0] if devices else device or torch.device("cpu")
        self.scale = scale

    @torch.inference_mode()
    def process(
        self,
        frame: Frame,
        *,
        depth: DepthPrediction | None = None,
        segmentation: Segmentation | None = None,
        limits: Limits = _NO_LIMITS,
    ) -> PerceptionResult:
        """Depth, instances, and the objects' distances, positions and parents of one frame.

        Args:
            frame: the image and its camera.
            depth: replaces the depth model (ground truth, another sensor).
            segmentation: replaces the segmentation model.
            limits: leaves out objects by score, and depth by range.

        Raises:
            ModelError: the depth is relative, so it holds no distances, and there is no source of scale.
            ConfigurationError: a stage has neither a model nor a given result.
            InputError: what is given does not fit the image, or the frame does not tell the scale of relative depth.
        """
        clock = _StageClock(self.device)
        image = torch.from_numpy(np.require(frame.image, requirements=["C", "W"])).to(
            self.device
        )  # torch wants it writable
        clock.lap("upload")
        depth_model = "given" if depth is not None else getattr(self.depth_estimator, "name", "")
        pose_error = None
        try:
            found = self._depth(image, frame, depth)
        except PoseError as error:
            frame, pose_error = replace(frame, world_from_camera=None), error
            found = self._depth(image, frame, depth)
        clock.lap("depth")
        segmentation_model = "given" if segmentation is not None else getattr(self.segmenter, "name", "")
        segmentation = _sure(self._segmentation(image, frame, segmentation), limits)
        clock.lap("segmentation")
        found = self.scale.in_metres(found, segmentation.instances, frame.camera, frame.world_from_camera)
        found = _in_range(found, limits)
        segmentation, objects, links = relate(
            found.depth_m, segmentation, frame.camera, frame.world_from_camera, found.scatter_ratio
        )
        clock.lap("objects")
        return PerceptionResult(
            frame=frame,
            image=image,
            depth=found,
            segmentation=segmentation,
            objects=objects,
            depth_model=depth_model,
            segmentation_model=segmentation_model,
            stage_s=clock.stage_s,
            links=links,
            pose_error=pose_error,
        )

    def _depth(self, image: Tensor, frame: Frame, given: DepthPrediction | None) -> DepthPrediction:
        if given is None:
            if self.depth_estimator is None:
                raise ConfigurationError(
                    "this pipeline has no depth model: hand in the depth of each frame, or name a model"
                )
            given = _predicted(self.depth_estimator, image, frame)
        require_size(given.depth_m, frame.camera, "depth")
        return replace(given, depth_m=given.depth_m.to(self.device))

    def _segmentation(self, image: Tensor, frame: Frame, given: Segmentation | None) -> Segmentation:
        if given is None:
            if self.segmenter is None:
                raise ConfigurationError(
                    "this pipeline has no segmentation model: hand in the instances of each frame, or name a model"
                )
            given = _segmented(self.segmenter, image, frame)
        require_size(given.instances, frame.camera, "instance image")
        return replace(given, instances=given.instances.to(self.device))


def _predicted(model: DepthEstimator | UprightDepthEstimator, image: Tensor, frame: Frame) -> DepthPrediction:
    down = _down(frame)
    if down is not None and isinstance(model, UprightDepthEstimator):
        return model.infer_upright(image, frame.camera, down)
    return model.infer(image, frame.camera)


def _segmented(model: Segmenter | CameraAwareSegmenter, image: Tensor, frame: Frame) -> Segmentation:
    if isinstance(model, CameraAwareSegmenter):
        return model.infer_through(image, frame.camera, _down(frame))
    return model.infer(image)


def _down(frame: Frame) -> NDArray[np.float64] | None:
    """(3,) where gravity points in the optical frame, if the frame tells."""
    return None if frame.world_from_camera is None else -up_from_pose(frame.world_from_camera)


def _sure(segmentation: Segmentation, limits: Limits) -> Segmentation:
    """Leave out the objects whose score is too low."""
    kept = [k for k, score in enumerate(segmentation.scores) if score >= limits.min_score]
    if len(kept) == len(segmentation.scores):
        return segmentation
    return segmentation.only(torch.tensor(kept, dtype=torch.int64, device=segmentation.instances.device))


def _in_range(depth: DepthPrediction, limits: Limits) -> DepthPrediction:
    if limits.min_depth_m <= 0 and limits.max_depth_m == math.inf:
        return depth
    return replace(depth, depth_m=within(depth.depth_m, limits.min_depth_m, limits.max_depth_m))


def _place(device: torch.device) -> tuple[str, int]:
    """Type and number of a device; "cuda" without a number means number 0."""
    return device.type, device.index or 0


class _StageClock:
    """Wall-clock seconds of each stage; waits for the GPU, which else works on while the next stage is timed."""

    def __init__(self, device: torch.device) -> None:
        self.stage_s: dict[str, float] = {}
        self._device = device
        self._start = time.perf_counter()

    def lap(self, stage: str) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.stage_s[stage] = now - self._start
        self._start = now
