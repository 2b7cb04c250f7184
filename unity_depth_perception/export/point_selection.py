"""Cloud of a scene for export: its fused points or the back-projected views, subsampled by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.scene import Scene, SceneView
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.ops.validity import is_valid

_GREY = 160  # of points of a view without an image


@dataclass(frozen=True)
class PointCloud:
    """N points in the scene's world [m], with the arrays of `Scene`."""

    points_m: NDArray[np.float32]
    colours: NDArray[np.uint8]
    normals: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None


def select_points(scene: Scene, max_points: int, seed: int = 0) -> PointCloud:
    """At most `max_points` points of a scene; the same arguments give the same points, a lower limit a subset of them.

    Raises:
        InputError: the scene has neither points nor a view with valid depth, or the limit is below 1.
    """
    if max_points < 1:
        raise InputError(f"expected a limit of at least 1 point, got {max_points}")
    cloud = PointCloud(scene.points_m, scene.colours, scene.normals, scene.confidence)
    if not len(scene.points_m):
        cloud = _cloud_of_views(scene.views)
    count = len(cloud.points_m)
    if not count:
        raise InputError("expected a scene with points or depth to export, got an empty one: no pixel has valid depth")
    if count <= max_points:
        return cloud
    kept = np.sort(np.random.default_rng(seed).permutation(count)[:max_points])
    return PointCloud(
        cloud.points_m[kept],
        cloud.colours[kept],
        None if cloud.normals is None else cloud.normals[kept],
        None if cloud.confidence is None else cloud.confidence[kept],
    )


def world_points(view: SceneView) -> NDArray[np.float32]:
    """Points (H, W, 3) [m] of a view's depth in the world; NaN where depth is invalid or infinite."""
    assert view.depth_m is not None  # for mypy: callers have asked
    depth_m = torch.from_numpy(view.depth_m)
    points = back_project(torch.where(is_valid(depth_m), depth_m, torch.nan), view.camera).numpy()
    pose = view.world_from_camera
    return np.asarray((points.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32))


def pixel_colours(view: SceneView) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the view's image, or grey."""
    if view.image is not None:
        return view.image
    return np.full((view.camera.height, view.camera.width, 3), _GREY, np.uint8)


def _cloud_of_views(views: tuple[SceneView, ...]) -> PointCloud:
    parts = [(world_points(view), pixel_colours(view), view.confidence) for view in views if view.depth_m is not None]
    if not parts:
        return PointCloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    valid = [np.isfinite(points).all(axis=-1) for points, _, _ in parts]
    known = zip((confidence for _, _, confidence in parts), valid, strict=True)
    confidences = [confidence[seen] for confidence, seen in known if confidence is not None]
    return PointCloud(
        np.concatenate([points[seen] for (points, _, _), seen in zip(parts, valid, strict=True)]),
        np.concatenate([colours[seen] for (_, colours, _), seen in zip(parts, valid, strict=True)]),
        confidence=np.concatenate(confidences) if len(confidences) == len(parts) else None,
    )
