"""Distance statistics of all objects in one pass over the instance image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.ops.geometry import require_size
from unity_depth_perception.ops.instance_images import object_rows
from unity_depth_perception.ops.mask_indices import set_pixels
from unity_depth_perception.ops.run_length import run_lengths
from unity_depth_perception.ops.surface_extremes import REACH_PX, surface_extremes
from unity_depth_perception.ops.validity import is_valid

_WINDOW_RADIUS = 2  # the window of `center` is 5 x 5 px
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class ObjectStatistics:
    """Statistics of N objects as tensors on the masks' device; lengths [m]; NaN where an object has no valid pixel.

    A pixel is valid where its depth is finite and > 0. The *inner* pixels of an object are the valid ones whose eight
    neighbours belong to it too; neighbours beyond the image's border count as belonging to it.

    Attributes:
        pixel_count: (N,) int64 pixels of the mask.
        valid_ratio: (N,) share of them that is valid.
        bbox: (N, 4) int64 [x_min, y_min, x_max, y_max] px, max exclusive; zeros for an empty mask.
        center: (N,) median of the object's valid depths in a 5 x 5 window. The window's centre is the mask's centroid
            if that is a valid pixel of the mask, else the nearest of the pixels of `points`: always inside the mask.
        mean, median: (N,) over the valid pixels.
        minimum, maximum: (N,) of the visible surface, see `surface_extremes`.
        position: (N, 3) the mask's median column and median row, back-projected at `median`: robust against the rim,
            holes and outliers; z is the median depth.
        points: (N, K, 3) a deterministic sample of the valid pixels' points, evenly spread in raster order; NaN for
            those on the rim, where depth bleeds between objects (unless all are).
    """

    pixel_count: Tensor
    valid_ratio: Tensor
    bbox: Tensor
    center: Tensor
    mean: Tensor
    median: Tensor
    minimum: Tensor
    maximum: Tensor
    position: Tensor
    points: Tensor


@dataclass(frozen=True)
class _Pixels:
    """Pixels grouped by object, in raster order within each."""

    index: Tensor  # (P,) y * W + x
    per_object: Tensor  # (N,) how many pixels each object has

    def only(self, chosen: Tensor) -> _Pixels:
        if bool(chosen.all()):
            return self
        before = torch.cat([chosen.new_zeros(1, dtype=torch.int64), chosen.cumsum(0)])  # chosen pixels before each
        end = self.per_object.cumsum(0)
        return _Pixels(self.index.index_select(0, set_pixels(chosen)), before[end] - before[end - self.per_object])

    def take(self, image: Tensor) -> Tensor:
        """Values (P,) of an image (H, W) at these pixels."""
        # index_select is several times faster on a CPU than indexing with a tensor.
        return image.reshape(-1).index_select(0, self.index)


def object_statistics(
    depth_m: Tensor, instances: Tensor, count: int, camera: Camera, sample_size: int = 512
) -> ObjectStatistics:
    """Statistics of the objects 1..count of `instances` (H, W) integer over planar depth (H, W) float32 [m].

    Raises:
        InputError: sizes differ, or `instances` holds a value above `count`.
    """
    require_size(depth_m, camera, "depth")
    require_size(instances, camera, "instance image")
    rows = object_rows(instances, margin_px=REACH_PX)
    window = camera.cropped(0, rows.start, camera.width, rows.stop - rows.start)
    found = _statistics(depth_m[rows].contiguous(), instances[rows].contiguous(), count, window, sample_size)
    found.bbox[:, 1::2] += rows.start * (found.pixel_count > 0)[:, None]
    return found


def _statistics(depth_m: Tensor, instances: Tensor, count: int, camera: Camera, sample_size: int) -> ObjectStatistics:
    """Statistics within some rows of the image; boxes count from the first of these rows."""
    runs = run_lengths(instances, count)
    columns, rows = runs.per_column(camera.width), runs.per_row(camera.height)
    pixels = _Pixels(runs.pixels(camera.width), runs.per_object())
    values = pixels.take(depth_m)
    is_measured = is_valid(values)
    valid = pixels.only(is_measured)
    values = values if valid is pixels else valid.take(depth_m)
    sizes = valid.per_object.tolist()
    median = _reduced(values, sizes, torch.median)
    inner = _eroded(instances)
    minimum, maximum = surface_extremes(depth_m, instances, valid.index, valid.take(instances), sizes)
    sample = _sample(valid, sample_size)
    return ObjectStatistics(
        pixel_count=pixels.per_object,
        valid_ratio=valid.per_object / pixels.per_object,  # 0 / 0 = NaN for an empty mask
        bbox=_bbox(columns, rows),
        center=_centers(depth_m, instances, sample, _mean_bin(columns), _mean_bin(rows)),
        mean=_reduced(values, sizes, torch.mean),
        median=median,
        minimum=minimum,
        maximum=maximum,
        position=_back_projected(_median_bin(columns), _median_bin(rows), median, camera),
        points=_points(sample, depth_m, inner, valid.per_object, camera),
    )


def _eroded(instances: Tensor) -> Tensor:
    """Pixels (H, W) bool whose eight neighbours inside the image have the same value; separable: rows, then columns."""
    same = instances[:, 1:] == instances[:, :-1]
    inner = torch.ones_like(instances, dtype=torch.bool)
    inner[:, 1:] &= same
    inner[:, :-1] &= same
    below = instances[1:] == instances[:-1]
    in_row = inner.clone()
    inner[1:] &= in_row[:-1] & below
    inner[:-1] &= in_row[1:] & below
    return inner


def _row(index: Tensor, width: int) -> Tensor:
    return torch.div(index, width, rounding_mode="floor")


def _bbox(columns: Tensor, rows: Tensor) -> Tensor:
    bounds = []
    for histogram in (columns, rows):
        present = histogram > 0
        first = present.to(torch.uint8).argmax(1)
        last = present.shape[1] - present.flip(1).to(torch.uint8).argmax(1)
        bounds.append((first, torch.where(present.any(1), last, first)))
    (x_min, x_max), (y_min, y_max) = bounds
    return torch.stack([x_min, y_min, x_max, y_max], dim=1)


def _mean_bin(histogram: Tensor) -> Tensor:
    """Mean coordinate (N,) of histograms (N, size) over coordinates; 0 for an empty one."""
    bins = torch.arange(histogram.shape[1], device=histogram.device)
    return (histogram * bins).sum(1) / histogram.sum(1).clamp_(min=1).to(torch.float64)


def _median_bin(histogram: Tensor) -> Tensor:
    """Lower median coordinate (N,) of histograms (N, size) over coordinates."""
    total = histogram.sum(1, keepdim=True)
    return (histogram.cumsum(1) < (total + 1) // 2).sum(1).to(torch.float32)


def _reduced(values: Tensor, sizes: list[int], reduction: Callable[[Tensor], Tensor]) -> Tensor:
    """Reduce the values of each object, contiguous in memory, to (N,); NaN for an object without values."""
    groups = torch.split(values, sizes)
    results = [reduction(group) if len(group) else group.new_full((), math.nan) for group in groups]
    return torch.stack(results) if sizes else values.new_empty(0)


def _centers(depth_m: Tensor, instances: Tensor, sample: Tensor, centroid_x: Tensor, centroid_y: Tensor) -> Tensor:
    """Median (N,) of each object's valid depths in the window around its centre; `sample` (N, K): valid pixels."""
    height, width = depth_m.shape
    label = torch.arange(1, len(sample) + 1, device=depth_m.device)
    # Halves are rounded up, not to even numbers: else the centre would depend on where the window begins.
    centroid = ((centroid_y + 0.5).floor() * width + (centroid_x + 0.5).floor()).to(torch.int64)
    row = _row(sample, width)
    distance = (sample - row * width - centroid_x[:, None]).square() + (row - centroid_y[:, None]).square()
    nearest = sample.gather(1, distance.argmin(1, keepdim=True))[:, 0]
    is_own = (_values(instances, centroid) == label) & is_valid(_values(depth_m, centroid))
    center = torch.where(is_own, centroid, nearest)[:, None]  # (N, 1)
    offsets = torch.arange(-_WINDOW_RADIUS, _WINDOW_RADIUS + 1, device=depth_m.device)
    y = (_row(center, width)[..., None] + offsets[:, None]).clamp_(0, height - 1)  # (N, 5, 1)
    x = ((center % width)[..., None] + offsets).clamp_(0, width - 1)  # (N, 1, 5)
    window = (y * width + x).flatten(1)
    depths = _values(depth_m, window)
    return torch.where(_values(instances, window) == label[:, None], _nan_if_invalid(depths), math.nan).nanmedian(1)[0]


def _nan_if_invalid(depth_m: Tensor) -> Tensor:
    return torch.where(is_valid(depth_m), depth_m, math.nan)


def _values(image: Tensor, index: Tensor) -> Tensor:
    return image.reshape(-1).index_select(0, index.reshape(-1)).view_as(index)


def _back_projected(x: Tensor, y: Tensor, depth_m: Tensor, camera: Camera) -> Tensor:
    return torch.stack([(x - camera.cx) / camera.fx * depth_m, (y - camera.cy) / camera.fy * depth_m, depth_m], dim=-1)


def _sample(pixels: _Pixels, size: int) -> Tensor:
    """Pixel indices (N, size): one from each of `size` equal parts of the object's raster order, jittered within it.

    The jitter (golden ratio) avoids aliasing with the image rows. An object of fewer pixels repeats some; one without
    pixels gets pixels of another object.
    """
    per_object = pixels.per_object[:, None]
    part = torch.arange(size, dtype=torch.float64, device=per_object.device)
    place = (part + (part * _GOLDEN).frac()) / size  # (size,) in [0, 1)
    if len(pixels.index) == 0:
        return torch.zeros(len(per_object), size, dtype=torch.int64, device=per_object.device)
    chosen = per_object.cumsum(0) - per_object + (place * per_object).floor().to(torch.int64)
    return pixels.index[chosen.clamp_(max=len(pixels.index) - 1)]


def _points(sample: Tensor, depth_m: Tensor, inner: Tensor, valid_count: Tensor, camera: Camera) -> Tensor:
    on_inner = _values(inner, sample)
    wanted = (on_inner | ~on_inner.any(1, keepdim=True)) & (valid_count[:, None] > 0)
    z = torch.where(wanted, _values(depth_m, sample), math.nan)
    y = _row(sample, depth_m.shape[1])
    return _back_projected(sample - y * depth_m.shape[1], y, z, camera)
