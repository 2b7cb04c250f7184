"""Decoding of COCO masks (polygons, run-length codes), and their merging into one instance image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unity_depth_perception.core.objects import ObjectDistance

_MAX_DISTANCE_RATIO = 4  # of a polygon's coordinates to the longer side of the image

Mask = NDArray[np.bool_]


def decode_mask(segmentation: Any, width: int, height: int) -> Mask:
    """Decode polygons or a run-length code to a mask (H, W).

    Raises:
        ValueError: the segmentation is neither, or a code of another size.
    """
    if isinstance(segmentation, dict):
        _require_valid_run_lengths(segmentation, width, height)
        codes = segmentation if isinstance(segmentation["counts"], str) else _encode(segmentation, width, height)
    else:
        if not (isinstance(segmentation, list) and all(_is_polygon(polygon) for polygon in segmentation)):
            raise ValueError(
                f"expected polygons [[x, y, x, y, x, y, ...]] or a run-length code, got {segmentation!r:.60}"
            )
        farthest = max((abs(v) for polygon in segmentation for v in polygon), default=0)
        if farthest > _MAX_DISTANCE_RATIO * max(width, height):  # pycocotools visits every pixel of an outline
            raise ValueError(f"expected polygons in an image of {width} x {height} px, got a point at {farthest:g}")
        if not segmentation:
            return np.zeros((height, width), dtype=bool)
        codes = coco_mask.merge(_encode(segmentation, width, height))
    return np.asarray(coco_mask.decode(codes), dtype=bool)


def _require_valid_run_lengths(code: dict[str, Any], width: int, height: int) -> None:
    size, counts = code.get("size"), code.get("counts")
    if size != [height, width]:
        raise ValueError(f"expected a run-length code of size {[height, width]}, got {size!r:.60}")
    if isinstance(counts, str) and counts:
        return
    if not (isinstance(counts, list) and all(type(run) is int and run >= 0 for run in counts)):
        raise ValueError(f"expected run lengths as a list of whole numbers or as a string, got {counts!r:.60}")
    if sum(counts) != height * width:
        raise ValueError(f"expected run lengths that sum to {height * width} px, got {sum(counts)}")


def _encode(segmentation: Any, width: int, height: int) -> Any:
    try:
        return coco_mask.frPyObjects(segmentation, height, width)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"expected polygons or a run-length code: {error}") from None


def _is_polygon(points: Any) -> bool:
    numbers = isinstance(points, list) and all(isinstance(v, int | float) and math.isfinite(v) for v in points)
    return numbers and len(points) >= 6 and len(points) % 2 == 0


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
