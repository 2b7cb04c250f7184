"""The perception pipeline: proposals, segmentation, depth, objects, support."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, ImageError, PoseError
from unity_depth_perception.models.metric_scale import DepthScale
from unity_depth_perception.models.protocols import (
    DepthEstimator,
    DepthPrediction,
    Segmentation,
    Segmenter,
)
from unity_depth_perception.models.runtime.threads import beside, on_one_thread
from unity_depth_perception.ops.geometry import require_size, undistort
from unity_depth_perception.ops.mask_rims import follow_masks
from unity_depth_perception.ops.validity import limit_range
from unity_depth_perception.pipeline.frame import Frame, Limits, PerceptionResult
from unity_depth_perception.pipeline.inference import infer_both, infer_depth
from unity_depth_perception.pipeline.measurement import infer_support, measure_objects, object_distances
from unity_depth_perception.pipeline.stage_clock import StageClock

_NO_LIMITS = Limits()
_NO_SCALE = DepthScale()


class DepthAligner(Protocol):
    """Aligns the depth of the frames of one camera, in their order; see reconstruction/temporal.py."""

    def align(self, depth_m: Tensor, camera: Camera, world_from_camera: NDArray[np.float64] | None) -> Tensor:
        """Depth (H, W) [m] of a frame aligned to those before; the pose is None where it is unknown."""
        ...


class PerceptionPipeline:
    """Runs the stages of perception on each frame: proposals, segmentation, depth, objects, support.

    A model may be None if its result is given with every frame: ground truth, or another node's output.
    """

    def __init__(
        self,
        depth_estimator: DepthEstimator | None,
        segmenter: Segmenter | None,
        device: torch.device | None = None,
        scale: DepthScale = _NO_SCALE,
        aligner: DepthAligner | None = None,
    ) -> None:
        """Combine models, which must be on one device; `device` is only used for a pipeline without models.

        `scale` converts relative depth to metres; without it, relative depth is refused. `aligner` makes the depth of
        consecutive frames agree.

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
        self.aligner = aligner

    @torch.inference_mode()
    def process(
        self,
        frame: Frame,
        *,
        depth: DepthPrediction | None = None,
        segmentation: Segmentation | None = None,
        limits: Limits = _NO_LIMITS,
    ) -> PerceptionResult:
        """Perceive one frame: depth, instances, and each object's distance, position and parent.

        A camera pose that contradicts the image is ignored and reported in the result's `pose_error`.

        Args:
            frame: the image and its camera.
            depth: replaces the depth model (ground truth, another sensor).
            segmentation: replaces the segmentation model.
            limits: least score of objects, and range of valid depth.

        Raises:
            ModelError: the depth is relative and there is no source of scale.
            ConfigurationError: a stage has neither a model nor a given result.
            InputError: what is given does not fit the image, or the scale cannot be computed from this frame.
        """
        self._require_stages(depth, segmentation)
        clock = StageClock(self.device)
        image, is_seen = self._upload(frame, depth, segmentation)
        clock.lap("upload")
        pose_error = None
        try:
            found_segmentation, found_depth = self._infer(image, frame, depth, segmentation, clock)
        except PoseError as error:
            frame, pose_error = frame.without_pose(), error
            found_segmentation, found_depth = self._infer(image, frame, depth, segmentation, clock)
        found_segmentation = _filter_by_score(found_segmentation, limits)
        found_depth = self.scale.in_metres(
            found_depth, found_segmentation.instances, frame.camera, frame.world_from_camera
        )
        if self.aligner is not None:
            aligned = self.aligner.align(found_depth.depth_m, frame.camera, frame.world_from_camera)
            found_depth = replace(found_depth, depth_m=aligned)
        found_depth = _in_range(found_depth, limits)
        if is_seen is not None:
            found_depth = replace(found_depth, depth_m=torch.where(is_seen, found_depth.depth_m, math.nan))
        # The statistics leave out rims as the model saw them.
        with beside(partial(_with_sharp_rims, found_depth, found_segmentation), self.device) as sharp:
            kept, statistics = measure_objects(found_depth.depth_m, found_segmentation, frame.camera)
            clock.lap("objects")
            links = infer_support(found_depth, kept, statistics, frame.camera, frame.gravity)
            objects = object_distances(statistics, kept, links)
            clock.lap("support")
            sharp_depth = sharp()
        clock.lap("objects")
        return PerceptionResult(
            frame=frame,
            image=image,
            depth=sharp_depth,
            segmentation=kept,
            objects=objects,
            depth_model="given" if depth is not None else getattr(self.depth_estimator, "name", ""),
            segmentation_model="given" if segmentation is not None else getattr(self.segmenter, "name", ""),
            stage_s=clock.stage_s(),
            links=links,
            pose_error=pose_error,
        )

    def _infer(
        self,
        image: Tensor | None,
        frame: Frame,
        depth: DepthPrediction | None,
        segmentation: Segmentation | None,
        clock: StageClock,
    ) -> tuple[Segmentation, DepthPrediction]:
        """Segmentation and depth on the device: of the models, where they are not given."""
        camera, gravity, segmenter, estimator = frame.camera, frame.gravity, self.segmenter, self.depth_estimator
        if segmentation is not None:
            require_size(segmentation.instances, camera, "instance image")
            segmentation = replace(segmentation, instances=segmentation.instances.to(self.device))
            if depth is None and estimator is not None and image is not None:
                depth = infer_depth(estimator, image, camera, gravity, segmentation)
        elif segmenter is not None and image is not None:
            if depth is None and estimator is not None:
                segmentation, depth = infer_both(segmenter, estimator, image, camera, gravity, clock)
            else:
                segmentation = segmenter.infer(image, camera, gravity)
                clock.lap("segmentation")
            require_size(segmentation.instances, camera, "instance image")
        assert segmentation is not None  # see _require_stages
        assert depth is not None
        require_size(depth.depth_m, camera, "depth")
        depth = replace(depth, depth_m=depth.depth_m.to(self.device))
        clock.lap("depth")
        return segmentation, depth

    def _require_stages(self, depth: DepthPrediction | None, segmentation: Segmentation | None) -> None:
        for model, given, stage, result in (
            (self.depth_estimator, depth, "depth", "depth"),
            (self.segmenter, segmentation, "segmentation", "instances"),
        ):
            if model is None and given is None:
                raise ConfigurationError(
                    f"this pipeline has no {stage} model: hand in the {result} of each frame, or name a model"
                )

    def _upload(
        self, frame: Frame, depth: DepthPrediction | None, segmentation: Segmentation | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The image on the device, rectified; and where a raw picture shows it (None: everywhere)."""
        if frame.image is None:
            if depth is None or segmentation is None:
                raise ImageError("expected a frame with an image, or both its depth and its instances; got neither")
            return None, None
        # torch wants the array to be writable
        image = torch.from_numpy(np.require(frame.image, requirements=["C", "W"])).to(self.device)
        return (image, None) if frame.lens is None else undistort(image, frame.lens, frame.camera)


def _filter_by_score(segmentation: Segmentation, limits: Limits) -> Segmentation:
    """Leave out the objects with a lower score than `limits` asks for."""
    kept = [k for k, score in enumerate(segmentation.scores) if score >= limits.min_score]
    if len(kept) == len(segmentation.scores):
        return segmentation
    return segmentation.only(torch.tensor(kept, dtype=torch.int64, device=segmentation.instances.device))


@on_one_thread
def _with_sharp_rims(depth: DepthPrediction, segmentation: Segmentation) -> DepthPrediction:
    """Depth whose steps lie on the contours of the masks, where the model's own grid is too coarse for them."""
    if depth.grid is None:
        return depth
    return replace(depth, depth_m=follow_masks(depth.depth_m, segmentation.instances, depth.grid))


def _in_range(depth: DepthPrediction, limits: Limits) -> DepthPrediction:
    if limits.min_depth_m <= 0 and limits.max_depth_m == math.inf:
        return depth
    return replace(depth, depth_m=limit_range(depth.depth_m, limits.min_depth_m, limits.max_depth_m))


def _place(device: torch.device) -> tuple[str, int]:
    """Type and number of a device; "cuda" without a number means number 0."""
    return device.type, device.index or 0
