"""Agreement of consecutive frames: temporal alignment error, change of scale, spread of each object's distance."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.metrics.exact_sum import ExactSum
from unity_depth_perception.ops.geometry import pixel_rays

LONGEST_GAP_S = 2.0
"""Frames farther apart in time are not consecutive."""
_SAME_SURFACE = 0.01  # largest relative difference of a true point's depth to the true depth that it is seen at
_LEAST_SEEN = 0.1  # share of the pixels that both frames must see
_MOST_POINTS = 640 * 480  # of larger images every second row and column is moved, or every third
_SAME_PLACE_M = 0.25  # largest step of an object between frames
_LEAST_FRAMES = 3  # of an object whose spread counts
_PERCENTS = (50, 90)


@dataclass(frozen=True)
class View:
    """Depth of one frame with its camera and true pose.

    Attributes:
        depth_m: (H, W) float32 predicted planar depth [m].
        truth_m: (H, W) float32 true planar depth [m], if known.
        world_from_camera: (4, 4) true pose.
    """

    depth_m: NDArray[np.float32]
    truth_m: NDArray[np.float32] | None
    camera: Camera
    world_from_camera: NDArray[np.float64]


def temporal_alignment_error(first: View, second: View) -> float | None:
    """TAE of two frames in percent: mean of the AbsRel of each one's depth, moved by true poses, to the other's.

    TAE = 100 / 2 (AbsRel(f(d_1, p), d_2) + AbsRel(f(d_2, inv(p)), d_1)), where f moves depth by the true relative pose
    p (Yang et al. 2024, Depth Any Video; Chen et al. 2025, Video Depth Anything, arXiv:2501.12375). The depth that a
    moved pixel is compared with is interpolated linearly in 1 / d, which is exact on planes. Where true depth is known,
    only points count that the other frame sees and that do not move: their true depth agrees within 1 % with the true
    depth there. Without it, occlusions count as errors.

    Returns:
        None if less than 10 % of either frame is seen in the other.
    """
    both = _one_way(first, second), _one_way(second, first)
    return None if both[0] is None or both[1] is None else 50 * (both[0] + both[1])


def _one_way(source: View, target: View) -> float | None:
    """AbsRel of the source's depth moved into the target; None if too little of it is seen there."""
    target_from_source = np.linalg.inv(target.world_from_camera) @ source.world_from_camera
    moved = _moved(torch.from_numpy(source.depth_m), source.camera, target.camera, target_from_source)
    ratio = moved[2] * _inverse_depth_at(target.depth_m, moved)
    if source.truth_m is not None and target.truth_m is not None:
        true = _moved(torch.from_numpy(source.truth_m), source.camera, target.camera, target_from_source)
        agreement = true[2] * _inverse_depth_at(target.truth_m, true)
        ratio = torch.where((agreement - 1).abs_() < _SAME_SURFACE, ratio, math.nan)
    errors = (ratio - 1).abs_().numpy()
    is_seen = np.isfinite(errors)
    if np.count_nonzero(is_seen) < _LEAST_SEEN * errors.size:
        return None
    return float(errors[is_seen].mean(dtype=np.float64))


def _moved(
    depth_m: Tensor, camera: Camera, target: Camera, target_from_source: NDArray[np.float64]
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel x, y and depth [m] in the target (h, w) of each pixel, or of every second one of a large image (and so on).

    NaN without depth or behind the camera.
    """
    step = max(1, math.ceil(math.sqrt(depth_m.numel() / _MOST_POINTS)))
    x, y = (rays[::step] for rays in pixel_rays(camera, depth_m.device))
    depth_m = depth_m[::step, ::step]
    turn, shift = target_from_source[:3, :3].astype(np.float32), target_from_source[:3, 3].astype(np.float32)
    depth_m = torch.where((depth_m > 0) & (depth_m < math.inf), depth_m, math.nan)
    # The rays are turned before they are scaled by depth: rows and columns add up.
    px, py, pz = (
        (float(r[0]) * x + (float(r[1]) * y + float(r[2]))[:, None]).mul_(depth_m).add_(float(t))
        for r, t in zip(turn, shift, strict=True)
    )
    pz = torch.where(pz > 0, pz, math.nan)
    return px.div_(pz).mul_(target.fx).add_(target.cx), py.div_(pz).mul_(target.fy).add_(target.cy), pz


def _inverse_depth_at(depth_m: NDArray[np.float32], place: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """1 / depth [1/m] of an image interpolated at pixels x, y (h, w); NaN beyond it and beside pixels without depth."""
    u, v, _ = place
    height, width = depth_m.shape
    depth = torch.from_numpy(depth_m)
    inverse = torch.where((depth > 0) & (depth < math.inf), 1 / depth, math.nan)
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    grid = torch.stack([u * (2 / max(width - 1, 1)) - 1, v * (2 / max(height - 1, 1)) - 1], dim=-1)
    grid = torch.where(inside[..., None], grid, 0.0)
    sampled = functional.grid_sample(inverse[None, None], grid[None], align_corners=True)[0, 0]
    return torch.where(inside, sampled, math.nan)


@dataclass
class _Track:
    """One object over consecutive frames: its last true position in the world, and its relative distance errors."""

    category: str
    world_m: NDArray[np.float64]
    errors: array[float] = field(default_factory=lambda: array("d"))


class TemporalCollection:
    """Temporal errors of one source after the other; frames of a source are added in their order.

    Two frames are consecutive if their stamps rise by at most LONGEST_GAP_S and both have a true pose. A source that is
    split among workers loses the pairs at the seams: give each worker whole sources.
    """

    def __init__(self) -> None:
        self._pairs = 0
        self._tae = ExactSum()
        self._scale_changes = array("d")
        self._spreads = array("d")
        self._last: tuple[int, View, float | None] | None = None
        self._tracks: list[_Track] = []

    def add(
        self,
        sample: Sample,
        depth_m: NDArray[np.float32],
        scale: float | None,
        pairs: Sequence[tuple[ObjectDistance, ObjectDistance]],
    ) -> None:
        """Add a frame.

        Args:
            depth_m: (H, W) predicted planar depth [m].
            scale: factor that aligns it with the truth (`fit_alignments`), if known.
            pairs: (predicted, true) matched objects.
        """
        if sample.stamp_ns is None or sample.world_from_camera is None:
            self._finish()
            return
        view = View(depth_m, sample.depth_m, sample.camera, sample.world_from_camera)
        if self._last is not None and 0 < sample.stamp_ns - self._last[0] <= LONGEST_GAP_S * 1e9:
            self._compare(self._last[1], view, self._last[2], scale)
        else:
            self._finish()
        self._last = (sample.stamp_ns, view, scale)
        self._follow(pairs, sample.world_from_camera)

    def _compare(self, first: View, second: View, scale: float | None, next_scale: float | None) -> None:
        error = temporal_alignment_error(first, second)
        if error is not None:
            self._pairs += 1
            self._tae.add(error)
            if scale is not None and next_scale is not None:
                self._scale_changes.append(abs(math.log(next_scale / scale)))

    def _follow(
        self, pairs: Sequence[tuple[ObjectDistance, ObjectDistance]], world_from_camera: NDArray[np.float64]
    ) -> None:
        """Continue the tracks by the nearest true objects of their category, the nearest pair first."""
        seen = [(true, found.distance.median / true.distance.median - 1) for found, true in pairs]
        seen = [
            (true, error) for true, error in seen if math.isfinite(error) and all(map(math.isfinite, true.position_m))
        ]
        places = [world_from_camera[:3, :3] @ true.position_m + world_from_camera[:3, 3] for true, _ in seen]
        candidates = sorted(
            (float(np.linalg.norm(track.world_m - place)), t, k)
            for t, track in enumerate(self._tracks)
            for k, place in enumerate(places)
            if track.category == seen[k][0].category
        )
        track_of: dict[int, int] = {}
        for distance_m, t, k in candidates:
            if distance_m <= _SAME_PLACE_M and k not in track_of and t not in track_of.values():
                track_of[k] = t
        for k, ((true, error), place) in enumerate(zip(seen, places, strict=True)):
            if k not in track_of:
                self._tracks.append(_Track(true.category, place))
            track = self._tracks[track_of.get(k, -1)]
            track.world_m = place
            track.errors.append(error)

    def _finish(self) -> None:
        """End a sequence: the next frame has no predecessor, and the objects of this one are done."""
        self._spreads.extend(self._spreads_of_tracks())
        self._last, self._tracks = None, []

    def _spreads_of_tracks(self) -> list[float]:
        return [float(np.std(track.errors)) for track in self._tracks if len(track.errors) >= _LEAST_FRAMES]

    def merge(self, other: TemporalCollection) -> None:
        """Add what another collection has collected of other sources."""
        self._finish()
        self._pairs += other._pairs
        self._tae.merge(other._tae)
        self._scale_changes.extend(other._scale_changes)
        self._spreads.extend([*other._spreads, *other._spreads_of_tracks()])

    def summary(self) -> dict[str, Any] | None:
        """The numbers, as docs/metrics.md names them; None without two consecutive frames."""
        spreads = [*self._spreads, *self._spreads_of_tracks()]
        if not self._pairs and not spreads:
            return None
        return {
            "pairs": self._pairs,
            "tae": float(self._tae.total) / self._pairs if self._pairs else None,
            "scale_change": _percentiles(self._scale_changes),
            "object_distance_spread": {"objects": len(spreads)} | _percentiles(spreads),
        }


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{p}": float(np.percentile(values, p)) if len(values) else None for p in _PERCENTS}
