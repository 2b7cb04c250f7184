"""Agreement of boundaries: of depth (Depth Pro's boundary F1, flying pixels) and of masks (Boundary IoU)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.ops.overlap import iou_matrix

_THRESHOLDS = np.linspace(1.05, 1.25, 10)
_DILATION_RATIO = 0.02  # of the image's diagonal: the width of a mask's boundary
_FLYING_RATIO = 0.03  # of the depth of the nearest true surface
_FLYING_PX = 2  # surfaces up to this far beside a pixel count as its own
_FAR_M = 1e30  # stands for sky, whose inverse depth is 0


@dataclass(frozen=True)
class BoundaryScore:
    """Precision, recall and F1 of depth edges, 0..1."""

    precision: float
    recall: float
    f1: float


def depth_boundary_score(
    prediction_m: NDArray[np.floating[Any]], truth_m: NDArray[np.floating[Any]]
) -> BoundaryScore | None:
    """Depth Pro's scale-invariant boundary F1 of predicted against true depth, both (H, W) [m]; None without an edge.

    Two neighbours are an occluding edge at threshold t if one is more than t times as far as the other. Precision and
    recall of predicted edges are averaged over the four directions (left, right, up, down), F1 = 2 p r / (p + r), and
    all over ten thresholds t from 1.05 to 1.25, each weighted by t. Sky is farther than everything; NaN makes no edge.
    Bochkovskii et al. 2024, arXiv:2410.02073, and eval/boundary_metrics.py of apple/ml-depth-pro
    (SI_boundary_F1). That counts 0 for a direction or a threshold without edges, so that truth scores less than 1
    against itself where edges face one way; here such a direction or threshold is left out.

    Raises:
        InputError: the shapes differ.
    """
    if prediction_m.shape != truth_m.shape:
        raise InputError(f"expected a prediction of the truth's shape {truth_m.shape}, got {prediction_m.shape}")
    counts = np.zeros((4, 3, len(_THRESHOLDS)))  # directions; predicted, true, both; thresholds
    for axis in (0, 1):
        found, true = _edge_levels(prediction_m, axis), _edge_levels(truth_m, axis)
        place = np.flatnonzero(found.any(axis=0) | true.any(axis=0))
        for direction in (0, 1):
            levels = found[direction, place], true[direction, place]
            for kind, level in enumerate((*levels, np.minimum(*levels))):
                at_least = np.bincount(level, minlength=len(_THRESHOLDS) + 1)[::-1].cumsum()[::-1]
                counts[2 * axis + direction, kind] = at_least[1:]
    if not counts[:, 1].any():
        return None
    has_edges = counts[:, :2].any(axis=(0, 1))
    precision, recall = (_mean_share(counts[:, 2, has_edges], counts[:, kind, has_edges]) for kind in (0, 1))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    weights = _THRESHOLDS[has_edges] / _THRESHOLDS[has_edges].sum()
    return BoundaryScore(*(float(values @ weights) for values in (precision, recall, f1)))


def _mean_share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean (thresholds,) of part / whole (directions, thresholds) over the directions with a whole; 0 without any."""
    return np.asarray((part / np.maximum(whole, 1)).sum(axis=0) / np.maximum((whole > 0).sum(axis=0), 1))


def _edge_levels(depth_m: NDArray[np.floating[Any]], axis: int) -> NDArray[np.uint8]:
    """(2, P) number of thresholds that each pixel pair's depth ratio exceeds, by which of the two is nearer."""
    depth = np.where(depth_m == math.inf, _FAR_M, np.where(depth_m > 0, depth_m, np.nan)).astype(np.float32)
    first, second = (depth[:-1], depth[1:]) if axis == 0 else (depth[:, :-1], depth[:, 1:])
    ratio = (second / first).reshape(-1)
    levels = np.zeros((2, ratio.size), dtype=np.uint8)
    least = np.float32(_THRESHOLDS[0])
    for direction, is_edge in enumerate((ratio > least * 0.9999, ratio < 1.0001 / least)):
        place = np.flatnonzero(is_edge)
        exact = ratio[place].astype(np.float64) if direction == 0 else 1 / ratio[place].astype(np.float64)
        levels[direction, place] = np.searchsorted(_THRESHOLDS, exact, side="left")
    return levels


def flying_pixels(prediction_m: NDArray[np.floating[Any]], truth_m: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Pixels whose predicted point lies on none of the true surfaces around them, (H, W) bool.

    A finite predicted depth flies if it differs by more than 3 % from each of these: the true depth of the pixel, and
    the nearest and the farthest finite true depth in the 5 x 5 pixels around it. Pixels without truth never fly.

    Args:
        prediction_m, truth_m: (H, W) planar depth [m].
    """
    window = np.ones((2 * _FLYING_PX + 1, 2 * _FLYING_PX + 1), dtype=np.uint8)
    with np.errstate(invalid="ignore"):
        is_surface = (truth_m > 0) & (truth_m < math.inf)
        is_point = (prediction_m > 0) & (prediction_m < math.inf) & (truth_m > 0)
    nearest = cv2.erode(np.where(is_surface, truth_m, _FAR_M).astype(np.float32), window)
    farthest = cv2.dilate(np.where(is_surface, truth_m, -_FAR_M).astype(np.float32), window)
    flying = is_point.copy()
    for surface in (truth_m, nearest, farthest):
        with np.errstate(invalid="ignore"):
            flying &= ~(np.abs(prediction_m - surface) <= _FLYING_RATIO * np.abs(surface)) | np.isinf(surface)
    return flying


def boundary_iou(
    predicted: NDArray[np.integer[Any]], true: NDArray[np.integer[Any]], pairs: Sequence[tuple[int, int]]
) -> list[float]:
    """Boundary IoU of pairs (predicted, true) of objects; object k has the value k + 1 in its instance image (H, W).

    It is the IoU of the pixels of each mask that lie within d pixels of its outline, d = 2 % of the image's diagonal:
    |(G_d and G) and (P_d and P)| / |(G_d and G) or (P_d and P)|. Cheng et al. 2021, Boundary IoU, arXiv:2103.16562; the
    distance is Chebyshev's and the image's border is an outline, as in bowenc0221/boundary-iou-api.
    """
    found, truth = (torch.from_numpy(mask_boundaries(image)) for image in (predicted, true))
    iou = iou_matrix(found, truth, int(predicted.max(initial=0)), int(true.max(initial=0)))
    return [
        float(iou[k, m]) if k < iou.shape[0] and m < iou.shape[1] else 0.0  # an empty mask has no value in the image
        for k, m in pairs
    ]


def mask_boundaries(instances: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """The instance image (H, W) reduced to the pixels within d pixels of their mask's outline; the others become 0."""
    height, width = instances.shape
    reach = max(1, round(_DILATION_RATIO * math.hypot(height, width)))
    values = instances.astype(np.uint16)
    window = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    # One erosion and one dilation serve all masks: a window of a single value lies inside its mask.
    lowest = cv2.erode(values, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    highest = cv2.dilate(values, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.where((lowest == highest) & (lowest == values), 0, values).astype(np.int32)
