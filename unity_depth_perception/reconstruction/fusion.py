"""Fusion of posed depth to one cloud: filter, average in a TSDF, extract the surface."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.ops.validity import is_valid
from unity_depth_perception.reconstruction.depth_filter import reject_edges
from unity_depth_perception.reconstruction.surface import Surface, extract_surface
from unity_depth_perception.reconstruction.tsdf import BLOCK_VOXELS, Grid, TsdfVolume, surface_blocks
from unity_depth_perception.reconstruction.view import DepthView

_VOXEL_RATIO = 1 / 200
_FAR = 8.0
_GROWTH = 1.4
_AUTO_VOXELS = 1 << 23  # that a voxel size of our own choice needs at most
Track = Callable[[Sequence[int]], Iterable[int]]


@dataclass(frozen=True)
class FusionConfig:
    """How views are fused.

    Attributes:
        voxel_m: edge of a voxel, which is the distance between points; None: a 200th of the median
            depth, or more where that would need too many voxels.
        truncation_voxels: distance over which depth of several views is averaged, 2 to 8; more for noisier depth.
        min_views: views that must see a point; a scene of fewer views needs all of them.
        confidence_percentile: pixels of lower confidence, 0..100, are left out, where depth has a confidence.
        max_depth_m: farther depth is left out; None: that beyond eight times the median.
        max_voxels: bound on time and memory (30 bytes each).
    """

    voxel_m: float | None = None
    truncation_voxels: float = 4.0
    min_views: int = 2
    confidence_percentile: float = 0.0
    max_depth_m: float | None = None
    max_voxels: int = 1 << 26

    def __post_init__(self) -> None:
        if self.min_views < 1:
            raise ConfigurationError(f"expected min_views >= 1, got {self.min_views}")
        if not 0 <= self.confidence_percentile <= 100:
            raise ConfigurationError(f"expected a confidence percentile of 0 to 100, got {self.confidence_percentile}")


def fuse_views(views: Sequence[DepthView], config: FusionConfig = FusionConfig(), track: Track = iter) -> Surface:
    """Fuse the depth of posed views to one surface, one point per voxel that it crosses.

    Args:
        views: in one world frame.
        track: yields the indices that it is given, around which it may show progress.

    Raises:
        InputError: there is no view or no valid depth, or voxels of the given size are too many.
    """
    if not views:
        raise InputError("expected one or more views, got none")
    kept = _filtered(views, config)
    volume = _volume(config, kept)
    for index in track(range(len(kept))):
        volume.integrate(kept[index])
    return extract_surface(volume.observed(min(config.min_views, len(views))), volume.grid)


def _filtered(views: Sequence[DepthView], config: FusionConfig) -> list[DepthView]:
    """Views with NaN at depth edges, at low confidence and at great distance."""
    limit = config.max_depth_m or _FAR * _median_depth(views)
    least = confidence_threshold(views, config.confidence_percentile)
    filtered = []
    for view in views:
        depth = reject_edges(torch.where(view.depth_m > limit, math.nan, view.depth_m))
        if least is not None and view.confidence is not None:
            depth = torch.where(view.confidence < least, math.nan, depth)
        filtered.append(replace(view, depth_m=depth))
    return filtered


def confidence_threshold(views: Sequence[DepthView], percentile: float) -> float | None:
    """The `percentile`, 0..100, of confidence over all pixels with depth; None for 0, or where there is none."""
    known = [view.confidence[is_valid(view.depth_m)] for view in views if view.confidence is not None]
    values = torch.cat(known) if known else torch.empty(0)
    if percentile == 0 or not values.numel():
        return None
    return float(values.kthvalue(max(1, math.ceil(percentile / 100 * values.numel()))).values)


def _volume(config: FusionConfig, views: Sequence[DepthView]) -> TsdfVolume:
    """An empty volume around the surfaces of the views; voxels grow until they are few, unless their size is given.

    Raises:
        InputError: no view has a valid depth, or voxels of the given size are too many.
    """
    voxel_m = config.voxel_m or _VOXEL_RATIO * _median_depth(views)
    most = config.max_voxels if config.voxel_m is not None else min(config.max_voxels, _AUTO_VOXELS)
    while True:
        grid = Grid(voxel_m, config.truncation_voxels * voxel_m)
        blocks = surface_blocks(views, grid, most // BLOCK_VOXELS)
        if blocks is not None:
            return TsdfVolume(grid, blocks)
        if config.voxel_m is not None:
            raise InputError(
                f"voxels of {voxel_m:g} m: more than {most / 1e6:.3g} million are needed; give larger ones"
            )
        voxel_m *= _GROWTH


def _median_depth(views: Sequence[DepthView]) -> float:
    """Median of the views' median depths.

    Raises:
        InputError: no view has a valid depth.
    """
    medians = [float(valid.median()) for view in views if (valid := view.depth_m[is_valid(view.depth_m)]).numel()]
    if not medians:
        raise InputError("expected views with depth, got no valid pixel in any of them")
    return sorted(medians)[len(medians) // 2]
