"""More views than memory holds: overlapping windows, brought into one frame by the views that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.models.depth_anything_3.gaussians import move_gaussians
from unity_depth_perception.models.protocols import ViewsPrediction
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.ops.validity import is_valid

Points = NDArray[np.float64]
_STRIDE = 8  # of the pixels that two windows are aligned by
_ITERATIONS = 20
_LEAST_POINTS = 30


@dataclass(frozen=True)
class Similarity:
    """target = scale * rotation @ source + translation."""

    scale: float
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @property
    def motion(self) -> NDArray[np.float64]:
        """The rigid transform (4, 4) that follows the scale."""
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = self.rotation, self.translation
        return motion

    def pose(self, source: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pose (4, 4) of a camera in the target frame; its depth is scaled by `scale`."""
        moved = np.eye(4)
        moved[:3, :3] = self.rotation @ source[:3, :3]
        moved[:3, 3] = self.scale * self.rotation @ source[:3, 3] + self.translation
        return moved


@dataclass(frozen=True)
class WindowConfig:
    """Number of views that a network sees at once, and how many of them it shares with the window before."""

    size: int = 16
    overlap: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.overlap < self.size:
            raise ConfigurationError(
                f"expected an overlap of 1 to {self.size - 1} views for windows of {self.size}, got {self.overlap}"
            )


def window_ranges(count: int, config: WindowConfig) -> list[range]:
    """Ranges of view indices that cover `count` views; neighbours share at least `overlap`, and none is shorter."""
    if count <= config.size:
        return [range(count)]
    step = config.size - config.overlap
    starts = [*range(0, count - config.size, step), count - config.size]
    return [range(start, start + config.size) for start in starts]


def infer_windows(
    infer: Callable[[range], ViewsPrediction],
    count: int,
    config: WindowConfig,
    *,
    aligned: bool,
    track: Callable[[Sequence[int], str], Iterable[int]] = lambda items, stage: items,
) -> ViewsPrediction:
    """Predict `count` views window by window, on the CPU, in the frame of the first window.

    Args:
        infer: predicts the views of a range.
        aligned: whether all windows are in one frame already, as with given poses; else each one is moved by a
            similarity onto the views that it shares with those before.
        track: may show progress of the stage windows.

    Raises:
        InputError: two windows share no pixel with valid depth.
    """
    depths: list[Tensor] = []
    confidences: list[Tensor] = []
    cameras: list[Camera] = []
    poses: list[NDArray[np.float64]] = []
    gaussians: list[Gaussians] = []
    is_metric = True
    windows = window_ranges(count, config)
    for number in track(range(len(windows)), "windows"):
        window = windows[number]
        part = infer(window)
        is_metric = part.is_metric
        done = len(depths) - window.start  # views that windows before have predicted
        depth, moved = part.depth_m.cpu(), list(part.world_from_camera)
        splats = None if part.gaussians is None else part.gaussians.only(slice(sum(part.gaussian_counts[:done]), None))
        if done and not aligned:
            shared = ViewsPrediction(
                torch.stack(depths[window.start :]),
                torch.stack(confidences[window.start :]),
                tuple(cameras[window.start :]),
                np.stack(poses[window.start :]),
                is_metric,
            )
            similarity = _alignment(part, shared)
            depth, moved = depth * similarity.scale, [similarity.pose(pose) for pose in moved]
            splats = None if splats is None else move_gaussians(splats, similarity.scale, similarity.motion)
        depths += list(depth[done:])
        confidences += list(part.confidence[done:].cpu())
        cameras += part.cameras[done:]
        poses += moved[done:]
        gaussians += [] if splats is None else [splats]
    return ViewsPrediction(
        torch.stack(depths),
        torch.stack(confidences),
        tuple(cameras),
        np.stack(poses),
        is_metric,
        Gaussians.concatenate(gaussians) if gaussians else None,
    )


def _alignment(part: ViewsPrediction, shared: ViewsPrediction) -> Similarity:
    """The similarity from the frame of `part` to that of `shared`, by the depth of the first views of `part`."""
    source, target, weight = [], [], []
    for k in range(len(shared.depth_m)):
        ours, theirs = part.depth_m[k].cpu(), shared.depth_m[k]
        valid = (is_valid(ours) & is_valid(theirs))[::_STRIDE, ::_STRIDE].numpy()
        source.append(_world_points(ours, part.cameras[k], part.world_from_camera[k])[valid])
        target.append(_world_points(theirs, shared.cameras[k], shared.world_from_camera[k])[valid])
        weight.append(shared.confidence[k][::_STRIDE, ::_STRIDE].double().numpy()[valid])
    return robust_similarity(np.concatenate(source), np.concatenate(target), np.concatenate(weight))


def _world_points(depth_m: Tensor, camera: Camera, pose: NDArray[np.float64]) -> Points:
    local = back_project(depth_m, camera)[::_STRIDE, ::_STRIDE].double().numpy()
    return np.asarray(local @ pose[:3, :3].T + pose[:3, 3])


def robust_similarity(source: Points, target: Points, weight: NDArray[np.float64]) -> Similarity:
    """The similarity that maps source to target points (N, 3), least squares reweighted against outliers.

    Weights of Geman & McClure, at a scale that follows the median residual.

    Raises:
        InputError: there are too few points.
    """
    if len(source) < _LEAST_POINTS:
        raise InputError(
            f"two windows of views share {len(source)} pixels with valid depth, expected {_LEAST_POINTS} or more; "
            "give larger windows (--window) or overlap"
        )
    found = umeyama(source, target, weight)
    for _ in range(_ITERATIONS):
        mapped = found.scale * source @ found.rotation.T + found.translation
        residual = np.linalg.norm(mapped - target, axis=1)
        sigma = 1.5 * float(np.median(residual))
        if sigma < 1e-12:
            break
        found = umeyama(source, target, weight / (1 + (residual / sigma) ** 2) ** 2)
    return found


def umeyama(source: Points, target: Points, weight: NDArray[np.float64]) -> Similarity:
    """The weighted least-squares similarity from source to target points (N, 3); Umeyama 1991.

    Raises:
        InputError: the source points coincide.
    """
    w = weight / weight.sum()
    mean_s, mean_t = w @ source, w @ target
    s, t = source - mean_s, target - mean_t
    variance = float(w @ (s * s).sum(axis=1))
    if variance < 1e-16:
        raise InputError("expected points at several places for a similarity, got coinciding ones")
    u, d, vt = np.linalg.svd((w[:, None] * t).T @ s)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = float(d @ sign) / variance
    return Similarity(scale, rotation, mean_t - scale * rotation @ mean_s)
