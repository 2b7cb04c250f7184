"""Depth and poses of views, from ground truth, from a single-view model with known poses, or from an any-view model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError, ModelError, PoseError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.ground_plane import up_from_pose
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.models.depth_anything_3.multi_view import REFERENCE_VIEWS
from unity_depth_perception.models.protocols import DepthEstimator, DepthPrediction, ViewsPrediction
from unity_depth_perception.reconstruction.scale_alignment import align_scales
from unity_depth_perception.reconstruction.sources.input_view import InputView
from unity_depth_perception.reconstruction.view import DepthView
from unity_depth_perception.reconstruction.windows import WindowConfig, infer_windows

Track = Callable[[Sequence[int], str], Iterable[int]]
"""Yields the indices that it is given, around which it may show progress of a stage with this name."""


@dataclass(frozen=True)
class DepthConfig:
    """How depth of views is predicted.

    Attributes:
        window, use_ray_pose, reference_view: of any-view models; see `AnyViewDepth.infer_views`.
        gaussians: whether Gaussians are predicted too; see `AnyViewDepth.infer_views`.
        align: whether the depths of a single-view model are scaled, view by view, so that they agree by the poses.
        poses_in_metres: whether given poses are in metres, in a world with z up.
        own_depth_source: where the metres of depth that the views bring come from, one of SCALE_SOURCES, if a
            single-view model has estimated it; None: it is true depth.
    """

    window: WindowConfig = field(default_factory=WindowConfig)
    use_ray_pose: bool = False
    reference_view: str = REFERENCE_VIEWS[0]
    gaussians: bool = False
    align: bool = True
    poses_in_metres: bool = True
    own_depth_source: str | None = None


@dataclass(frozen=True)
class PosedDepth:
    """Views with depth in one world frame.

    Attributes:
        views: on the CPU.
        is_metric: whether depth and poses are in metres.
        scale_source: where the metres come from, one of SCALE_SOURCES.
        has_given_poses: whether the world frame is that of given poses, not one that a network chose.
        gaussians: in the world of the views, where they were asked for.
        factors: (N,) by which the depth of each view was scaled to agree with the others; empty where it was not.
    """

    views: list[DepthView]
    is_metric: bool
    scale_source: str
    has_given_poses: bool
    gaussians: Gaussians | None = None
    factors: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def depth_of_views(
    views: Sequence[InputView], estimator: DepthEstimator | None, config: DepthConfig, track: Track
) -> PosedDepth:
    """Depth and poses of the views.

    Args:
        estimator: None: the views' own depth.

    Raises:
        InputError: a view lacks what the way to depth needs: camera, pose, true depth.
        ModelError: the model's depth is neither metric nor of several views.
    """
    if not views:
        raise InputError("expected one or more views, got none")
    if estimator is None:
        return _own_depth(views, config)
    if isinstance(estimator, AnyViewDepth) and (len(views) > 1 or config.gaussians):
        return _of_any_view(views, estimator, config, track)
    return _of_single_views(views, estimator, config, track)


def _own_depth(views: Sequence[InputView], config: DepthConfig) -> PosedDepth:
    if any(view.depth_m is None for view in views):
        raise InputError("depth model truth: expected views with true depth, from a dataset or a bag; name a model")
    poses = _required_poses(views, "true depth")
    found = [
        _depth_view(view, torch.from_numpy(np.asarray(view.depth_m)), _camera(view), pose)
        for view, pose in zip(views, poses, strict=True)
    ]
    if config.own_depth_source is not None:
        return _agreeing(found, config.own_depth_source, config)
    return PosedDepth(found, config.poses_in_metres, "given" if config.poses_in_metres else "none", True)


def _agreeing(views: list[DepthView], source: str, config: DepthConfig) -> PosedDepth:
    """Metric depth of single views with given poses, scaled so that several views agree."""
    if len(views) < 2 or not config.align:
        return PosedDepth(views, True, source, True)
    factors = align_scales(views)
    scaled = [view.scaled(float(factor)) for view, factor in zip(views, factors, strict=True)]
    return PosedDepth(scaled, True, source, True, factors=factors)


def _of_single_views(
    views: Sequence[InputView], estimator: DepthEstimator, config: DepthConfig, track: Track
) -> PosedDepth:
    """Metric depth of each view by itself; scaled so that several views agree by their poses."""
    has_poses = views[0].world_from_camera is not None
    poses = _required_poses(views, f"the single-view model {estimator.name}") if has_poses or len(views) > 1 else []
    if poses and not config.poses_in_metres:
        raise InputError(
            f"the single-view model {estimator.name} gives metres, and the poses of a COLMAP model have no known unit: "
            "expected an any-view model (da3-small), or --poses-in-metres where they are in metres"
        )
    found, sources = [], set()
    for index in track(range(len(views)), "depth"):
        view, pose = views[index], poses[index] if poses else np.eye(4)
        prediction = infer_single(estimator, view, view.world_from_camera)
        if not prediction.is_metric and len(views) > 1:
            raise ModelError(f"{estimator.name}: its depth has another unit in each view; choose a metric model")
        camera = view.camera or prediction.predicted_camera()
        if camera is None:
            raise CameraError(f"{view.name}: expected the camera of the image: --vertical-fov DEG or --intrinsics FILE")
        found.append(_depth_view(view, prediction.depth_m.cpu(), camera, pose))
        sources.add(prediction.scale_source)
    source = common_source(sources)
    if len(found) > 1:
        return _agreeing(found, source, config)
    return PosedDepth(found, prediction.is_metric, source, has_poses)


def common_source(sources: set[str]) -> str:
    """Where the metres of several views come from; those of a mixture are learned."""
    return next(iter(sources)) if len(sources) == 1 else "learned"


@torch.inference_mode()
def infer_single(
    estimator: DepthEstimator, view: InputView, world_from_camera: NDArray[np.float64] | None
) -> DepthPrediction:
    """Depth of one image; the pose gives gravity, unless the image contradicts it."""
    image = torch.from_numpy(np.ascontiguousarray(view.image)).to(estimator.device)
    if isinstance(estimator, AnyViewDepth) and view.camera is None:
        return estimator.infer(image)
    camera, gravity = _camera(view), None
    if world_from_camera is not None:
        gravity = -up_from_pose(world_from_camera)
    try:
        return estimator.infer(image, camera, gravity)
    except PoseError:
        return estimator.infer(image, camera)


def _of_any_view(views: Sequence[InputView], estimator: AnyViewDepth, config: DepthConfig, track: Track) -> PosedDepth:
    """Consistent depth of several views, conditioned on their cameras and poses where all are known."""
    cameras = [view.camera for view in views if view.camera is not None]
    poses = [view.world_from_camera for view in views if view.world_from_camera is not None]
    has_cameras, has_poses = len(cameras) == len(views), len(poses) == len(views)
    if has_poses and not has_cameras:
        raise InputError("poses need cameras: give the field of view (--vertical-fov) or intrinsics beside the poses")

    def infer(window: range) -> ViewsPrediction:
        return estimator.infer_views(
            [torch.from_numpy(np.ascontiguousarray(views[k].image)).to(estimator.device) for k in window],
            [cameras[k] for k in window] if has_cameras else None,
            np.stack([poses[k] for k in window]) if has_poses else None,
            use_ray_pose=config.use_ray_pose,
            reference_view=config.reference_view,
            gaussians=config.gaussians,
        )

    result = infer_windows(infer, len(views), config.window, aligned=has_poses, track=track)
    found = [
        _depth_view(view, result.depth_m[k], result.cameras[k], result.world_from_camera[k], result.confidence[k])
        for k, view in enumerate(views)
    ]
    if has_poses:
        is_metric = config.poses_in_metres
        return PosedDepth(found, is_metric, "poses" if is_metric else "none", True, result.gaussians)
    return PosedDepth(found, result.is_metric, "focal" if result.is_metric else "none", False, result.gaussians)


def _depth_view(
    view: InputView,
    depth_m: torch.Tensor,
    camera: Camera,
    pose: NDArray[np.float64],
    confidence: torch.Tensor | None = None,
) -> DepthView:
    image = torch.from_numpy(np.ascontiguousarray(view.image))
    return DepthView(image, depth_m, camera, pose, confidence, view.name)


def _camera(view: InputView) -> Camera:
    if view.camera is None:
        raise CameraError(
            f"{view.name}: expected the camera of the image, got none: --vertical-fov DEG or --intrinsics FILE"
        )
    return view.camera


def _required_poses(views: Sequence[InputView], reason: str) -> list[NDArray[np.float64]]:
    poses = [view.world_from_camera for view in views if view.world_from_camera is not None]
    if len(poses) < len(views):
        raise InputError(
            f"{reason} needs the pose of each of several views, got {len(poses)} of {len(views)}: give --poses FILE, "
            "or choose an any-view model, which finds poses (da3-small, da3nested-giant-large-1.1)"
        )
    return poses
