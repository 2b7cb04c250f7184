"""Distribution of the distance errors of matched objects: percentiles, shares, by distance and by category."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.evaluation.evaluator import Evaluation
from unity_depth_perception.evaluation.metrics.pixel_groups import DISTANCE_BINS_M
from unity_depth_perception.evaluation.objects import MatchedObject

WITHIN = (0.01, 0.02, 0.05, 0.1)
"""Bounds of the relative error whose shares of the objects are listed."""
PERCENTS = (*range(0, 100, 5), 98, 99, 100)


def compared_objects(evaluation: Evaluation) -> list[MatchedObject]:
    """Matched objects of all frames whose predicted and true distances are both known."""
    pairs = [pair for frame in evaluation.frames if frame.objects is not None for pair in frame.objects.pairs]
    return [pair for pair in pairs if math.isfinite(pair.distance_error)]


def summarise_distances(pairs: Sequence[MatchedObject]) -> dict[str, Any] | None:
    """Summarise the relative distance errors of matched objects; None without any.

    Returns:
        `count`; `median_signed_rel_error` (above 0: too far); `within`, the share of objects by bound;
        `percentiles` of the absolute error; `by_distance` and `by_category`, each group with its share of the sum of
        all absolute errors.
    """
    if not pairs:
        return None
    signed = np.array([pair.distance_error for pair in pairs])
    true_m = np.array([pair.true.distance.median for pair in pairs])
    categories = np.array([pair.true.category for pair in pairs], dtype=object)
    errors = np.abs(signed)
    return {
        "count": len(pairs),
        "median_signed_rel_error": float(np.median(signed)),
        "within": {str(bound): float((errors <= bound).mean()) for bound in WITHIN},
        "percentiles": {
            f"p{p}": float(value) for p, value in zip(PERCENTS, np.percentile(errors, PERCENTS), strict=True)
        },
        "by_distance": [
            {"from_m": near, "to_m": far if math.isfinite(far) else None}
            | _group(signed, (near <= true_m) & (true_m < far))
            for near, far in pairwise(DISTANCE_BINS_M)
            if ((near <= true_m) & (true_m < far)).any()
        ],
        "by_category": {name: _group(signed, categories == name) for name in sorted(set(categories.tolist()))},
    }


def _group(signed: NDArray[np.float64], chosen: NDArray[np.bool_]) -> dict[str, Any]:
    errors, total = np.abs(signed[chosen]), float(np.abs(signed).sum())
    return {
        "count": int(chosen.sum()),
        "median_rel_error": float(np.median(errors)),
        "p90_rel_error": float(np.percentile(errors, 90)),
        "median_signed_rel_error": float(np.median(signed[chosen])),
        "share_of_error": float(errors.sum()) / total if total else None,
    }


def curve(distances: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """(errors, shares): the curve of the percentiles, errors as fractions, shares 0..1, both rising."""
    rows = sorted((float(name[1:]) / 100, value) for name, value in distances["percentiles"].items())
    return [value for _, value in rows], [share for share, _ in rows]
