"""Decoding of COCO masks (polygons, run-length codes), and their merging into one instance image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unity_depth_perception.core.errors import shown
from unity_depth_perception.core.objects import ObjectDistance

_MAX_DISTANCE_RATIO = 4  # of a polygon's coordinates to the longer side of the image

Mask = NDArray[np.bool_]


def decode_mask(segmentation: Any, width: int, height: int) -> Mask:
    """Decode polygons or a run-length code to a mask (H, W).

    Parts with less than three different points, which enclose nothing, are left out.

    Raises:
        ValueError: the segmentation is neither, or a code of another size.
    """
    if isinstance(segmentation, dict):
        return _from_run_lengths(_checked_run_lengths(segmentation, width, height), width, height)
    if not (isinstance(segmentation, list) and all(_is_polygon(polygon) for polygon in segmentation)):
        raise ValueError(f"expected polygons [[x, y, x, y, x, y, ...]] or a run-length code, got {shown(segmentation)}")
    farthest = max((abs(v) for polygon in segmentation for v in polygon), default=0)
    if farthest > _MAX_DISTANCE_RATIO * max(width, height):  # pycocotools visits every pixel of an outline
        raise ValueError(f"expected polygons in an image of {width} x {height} px, got a point at {farthest:g}")
    enclosing = [polygon for polygon in segmentation if not is_degenerate(polygon)]
    if not enclosing:
        return np.zeros((height, width), dtype=bool)
    codes = coco_mask.frPyObjects([[float(v) for v in polygon] for polygon in enclosing], height, width)
    return np.asarray(coco_mask.decode(coco_mask.merge(codes)), dtype=bool)


def is_degenerate(polygon: Any) -> bool:
    """Whether a polygon [x, y, ...] has less than three different points."""
    return isinstance(polygon, list) and len({*zip(polygon[0::2], polygon[1::2], strict=False)}) < 3


def _is_polygon(points: Any) -> bool:
    numbers = isinstance(points, list) and all(isinstance(v, int | float) and math.isfinite(v) for v in points)
    return numbers and len(points) % 2 == 0


def _checked_run_lengths(code: dict[str, Any], width: int, height: int) -> list[int]:
    """Run lengths of a code, compressed or not, which sum to the image's pixels."""
    size, counts = code.get("size"), code.get("counts")
    if size != [height, width]:
        raise ValueError(f"expected a run-length code of size {[height, width]}, got {shown(size)}")
    runs = _uncompressed(counts) if isinstance(counts, str) and counts else counts
    if not (isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs)):
        raise ValueError(f"expected run lengths as a list of whole numbers or as a string, got {shown(counts)}")
    if sum(runs) != height * width:
        raise ValueError(f"expected run lengths that sum to {height * width} px, got {shown(sum(runs))}")
    return runs


def _uncompressed(text: str) -> list[int]:
    """Run lengths of COCO's string: base 32, from the third on as differences. pycocotools checks nothing in it.

    Source: rleFrString in github.com/cocodataset/cocoapi, common/maskApi.c.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError(f"expected a run-length string of COCO, got {shown(text)}")
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError(f"expected a run-length string of COCO, got one that is cut off: {shown(text)}")
    return runs


def _from_run_lengths(runs: list[int], width: int, height: int) -> Mask:
    """Mask (H, W) of run lengths down the columns, of background and object in turn."""
    values = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def merge_masks(
    found: Iterable[tuple[str, Mask]], width: int, height: int
) -> tuple[NDArray[np.uint16], tuple[ObjectDistance, ...]]:
    """Merge masks into one instance image, smaller masks on top; fully hidden objects are left out."""
    layers = sorted(found, key=lambda layer: -int(layer[1].sum()))
    stacked = np.zeros((height, width), dtype=np.uint16)
    for k, (_, mask) in enumerate(layers):
        stacked[mask] = k + 1
    instances = np.zeros_like(stacked)
    objects: list[ObjectDistance] = []
    for k, (category, _) in enumerate(layers):
        rows, columns = np.nonzero(stacked == k + 1)
        if len(rows):
            box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            objects.append(ObjectDistance(len(objects), category, box))
            instances[rows, columns] = len(objects)
    return instances, tuple(objects)
