"""Nearest and farthest depth of each object's visible surface, without rims where depth bleeds and flying pixels.

A depth network sees a smaller image, so that its depth passes from an object to what lies behind in a ramp several
pixels wide, half of which lies inside the mask. Depth of a renderer steps at the mask's rim, where it is exact to the
last pixel. The width of the edges is therefore measured in the depth image itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.ops.validity import is_valid

_REACH_PX = 8  # half of the span over which an edge is measured
REACH_PX = 13  # of the pixels around an object that its extremes depend on
_LEAST_STEP = math.log(1.15)  # smaller steps between an object and its surroundings tell nothing about edges
_LEAST_EDGES = 20  # pairs of pixels
_SAMPLE = 512  # values of each object that its quantiles are taken of
_BLOCK_PX = 2  # side, see `_block_maximum`, of the blocks that surroundings are looked at in
_LINES = 240  # rows and columns that edges are looked for in
_SHARP_PX = 1.7  # widest edge of depth that is exact up to the rim
_BEYOND = 1.13  # what is farther than this times an object's own depth is not its surface
_CORE = (0.25, 0.75)  # quantiles between which an object's depths are its own
_SIMILAR = 0.06  # relative difference of neighbours on one surface


def edge_width(depth_m: Tensor, instances: Tensor) -> float:
    """Width [px] of the depth edges along the rims of the objects of `instances`; 1 where depth steps at the rim.

    It is the mean depth step over 17 pixels across a rim, in units of the step from the rim's inner to its outer pixel
    (logarithms of depth): 1 for a step, n for a ramp of n pixels; larger too where masks and depth are out of register.
    Without enough edges it is 1.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        instances: (H, W) integer instance image.
    """
    stride = max(1, depth_m.shape[1] // _LINES)
    ratio = torch.cat(
        [
            _steps(depth_m[:, ::stride], instances[:, ::stride], 0).flatten(),
            _steps(depth_m[::stride], instances[::stride], 1).flatten(),
        ]
    )
    mean, count = torch.stack([ratio.nanmean(), (~ratio.isnan()).sum()]).tolist()
    return min(1 / max(mean, 1e-6), float(REACH_PX - 1)) if count >= _LEAST_EDGES else 1.0


def surface_extremes(
    depth_m: Tensor, instances: Tensor, index: Tensor, owner: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor]:
    """Nearest and farthest depth (N,) of the surfaces of N objects; NaN for an object without valid pixel.

    Where depth is sharp (`edge_width`), pixels without a neighbour of similar depth on the same object are left out:
    flying pixels. Where it is not, those within one edge width of what lies clearly beyond the object's own depths.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        instances: (H, W) integer instance image.
        index: (P,) flat indices of the objects' valid pixels, grouped by object.
        owner: (P,) instance value of each of these pixels.
        sizes: N numbers of these pixels.
    """
    values = depth_m.reshape(-1).index_select(0, index)
    width_px = edge_width(depth_m, instances)
    if width_px < _SHARP_PX:
        supported = _is_supported(depth_m, instances, index, owner, values)
        nearest, farthest = -_largest(-values, supported, sizes), _largest(values, supported, sizes)
        if not bool(farthest.isinf().any()):
            return nearest, farthest
        everything, alone = torch.ones_like(supported), farthest.isinf()  # objects of a pixel or two
        return (
            torch.where(alone, -_largest(-values, everything, sizes), nearest),
            torch.where(alone, _largest(values, everything, sizes), farthest),
        )
    return _clear_extremes(depth_m, values, index, owner.to(torch.int64) - 1, sizes, math.ceil(width_px))


def _clear_extremes(
    depth_m: Tensor, values: Tensor, index: Tensor, row: Tensor, sizes: list[int], radius: int
) -> tuple[Tensor, Tensor]:
    """Extremes over the pixels that are `radius` away from all that lies clearly beyond their object (number `row`)."""
    low, median, high = (_quantile(values, sizes, share) for share in (_CORE[0], 0.5, _CORE[1]))
    valid = is_valid(depth_m)
    # Sky (+Inf) is beyond every object; what has no depth is neither nearer nor farther.
    farthest = _local_maximum(torch.where(valid | (depth_m == math.inf), depth_m, -math.inf), radius)
    nearest = _local_maximum(torch.where(valid, -depth_m, -math.inf), radius)  # negative
    width = depth_m.shape[1]
    y = torch.div(index, width, rounding_mode="floor")
    block = (y // _BLOCK_PX) * farthest.shape[1] + (index - y * width) // _BLOCK_PX
    clear_of_far = farthest.reshape(-1).index_select(0, block) <= _BEYOND * high[row]
    clear_of_near = -_BEYOND * nearest.reshape(-1).index_select(0, block) >= low[row]
    return (
        torch.minimum(-_largest(-values, clear_of_near, sizes), median),
        torch.maximum(_largest(values, clear_of_far, sizes), median),
    )


def _steps(depth_m: Tensor, instances: Tensor, dim: int) -> Tensor:
    """Steps of log depth from a rim's inner to its outer pixel, over those of the whole span; NaN away from rims."""
    log_depth = torch.where(is_valid(depth_m), depth_m, math.nan).log()
    size, reach = instances.shape[dim], _REACH_PX
    if size < 2 * reach + 2:
        return log_depth.new_empty(0)
    count = size - 2 * reach - 1

    def at(image: Tensor, start: int) -> Tensor:
        return image.narrow(dim, start, count)

    at_rim = (at(log_depth, reach + 1) - at(log_depth, reach)).abs()
    across = (at(log_depth, 2 * reach + 1) - at(log_depth, 0)).abs()
    # Comparisons with NaN are false.
    chosen = (at(instances, reach) != at(instances, reach + 1)) & (across > _LEAST_STEP) & (at_rim >= 0)
    return torch.where(chosen, at_rim / across, math.nan)


def _is_supported(depth_m: Tensor, instances: Tensor, index: Tensor, owner: Tensor, values: Tensor) -> Tensor:
    """Whether each pixel (P,) has a neighbour of similar depth on the same object; only a flying pixel has none."""
    width = depth_m.shape[1]
    supported = _is_similar(depth_m, instances, index, owner, values, 1)  # nearly all are, so that few are left
    alone = (~supported).nonzero().squeeze(1)
    index, owner, values = (part.index_select(0, alone) for part in (index, owner, values))
    for offset in (-width - 1, -width, -width + 1, -1, width - 1, width, width + 1):
        supported[alone] |= _is_similar(depth_m, instances, index, owner, values, offset)
    return supported


def _is_similar(
    depth_m: Tensor, instances: Tensor, index: Tensor, owner: Tensor, values: Tensor, offset: int
) -> Tensor:
    """Whether the pixel at an offset from each pixel (P,) is of similar depth on the same object."""
    beside = (index + offset).clamp_(0, depth_m.numel() - 1)
    similar = (depth_m.reshape(-1).index_select(0, beside) - values).abs() <= _SIMILAR * values
    return similar & (instances.reshape(-1).index_select(0, beside) == owner) & (beside != index)


def _local_maximum(image: Tensor, radius: int) -> Tensor:
    """Maximum up to `radius` pixels (even) around each block of 2 x 2 pixels; beyond the border is nothing."""
    image = _block_maximum(_block_maximum(image, 0), 1)
    radius = math.ceil(radius / _BLOCK_PX)
    for dim in (0, 1):
        padding = (radius, radius) if dim == 1 else (0, 0, radius, radius)
        image = _running_maximum(functional.pad(image, padding, value=-math.inf), 2 * radius + 1, dim)
    return image


def _block_maximum(image: Tensor, dim: int) -> Tensor:
    """Maximum of each two pixels along a dimension; a last pixel without a second stays as it is."""
    pairs = image.shape[dim] // 2
    even, odd = (slice(start, 2 * pairs, 2) for start in (0, 1))
    largest = torch.maximum(image[even], image[odd]) if dim == 0 else torch.maximum(image[:, even], image[:, odd])
    return largest if image.shape[dim] == 2 * pairs else torch.cat([largest, image.narrow(dim, -1, 1)], dim=dim)


def _running_maximum(image: Tensor, size: int, dim: int) -> Tensor:
    """Maximum over `size` consecutive pixels along a dimension, which becomes shorter by `size` - 1.

    The length of the runs is doubled in each step, which takes a tenth of the time of max_pool2d on a CPU.
    """
    length = 1
    while length < size:
        step = min(length, size - length)
        count = image.shape[dim] - step
        image = torch.maximum(image.narrow(dim, 0, count), image.narrow(dim, step, count))
        length += step
    return image


def _quantile(values: Tensor, sizes: list[int], share: float) -> Tensor:
    """About the value (N,) below which a share of each object's values lies, from a sample; NaN without values."""
    groups = [group[:: max(1, len(group) // _SAMPLE)] for group in torch.split(values, sizes)]
    found = [g.kthvalue(1 + int(share * (len(g) - 1))).values if len(g) else g.new_full((), math.nan) for g in groups]
    return torch.stack(found) if found else values.new_empty(0)


def _largest(values: Tensor, chosen: Tensor, sizes: list[int]) -> Tensor:
    """Maximum (N,) over the chosen values of each object, -Inf where none is; NaN for an object without values."""
    groups = torch.split(torch.where(chosen, values, -math.inf), sizes)
    found = [g.amax() if len(g) else g.new_full((), math.nan) for g in groups]
    return torch.stack(found) if found else values.new_empty(0)
