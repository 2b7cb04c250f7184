"""Errors of the distances and positions of matched objects, and agreement of their mask boundaries."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.ground_truth import TrueObjects
from unity_depth_perception.synthetic.samples import true_object

_STATISTICS = ("center", "mean", "median", "min", "max")
MEASURES = (*_STATISTICS, "range", "position")
_PERCENTS = (50, 90, 95)


def complete_truth(sample: Sample, truth: TrueObjects) -> tuple[ObjectDistance, ...]:
    """The true objects; what an annotation leaves out is measured in true depth, if there is any, else it stays NaN."""
    if sample.depth_m is None or not any(_lacks_something(item) for item in truth.objects):
        return truth.objects
    instances = truth.segmentation.instances.cpu().numpy()
    return tuple(
        _completed(item, instances == k + 1, sample) if _lacks_something(item) else item
        for k, item in enumerate(truth.objects)
    )


def _lacks_something(item: ObjectDistance) -> bool:
    return not all(math.isfinite(value) for value in _values(item))


def _completed(item: ObjectDistance, mask: NDArray[np.bool_], sample: Sample) -> ObjectDistance:
    if sample.depth_m is None or not mask.any():
        return item
    found = true_object(item.id, item.category, None, mask, sample.depth_m, sample.camera)
    known = {name: getattr(item.distance, name) for name in _STATISTICS if math.isfinite(getattr(item.distance, name))}
    has_position = all(map(math.isfinite, item.position_m))
    return replace(
        item,
        distance=replace(found.distance, **known),
        position_m=item.position_m if has_position else found.position_m,
        range_m=item.range_m if math.isfinite(item.range_m) else found.range_m,
    )


def _values(item: ObjectDistance) -> tuple[float, ...]:
    return (*(getattr(item.distance, name) for name in _STATISTICS), item.range_m, *item.position_m)


class ObjectDistanceCollection:
    """Errors of matched objects; a few numbers each, so that percentiles are exact and do not depend on the order."""

    def __init__(self) -> None:
        self._errors_m = {name: array("d") for name in MEASURES}  # signed; of a position the length of the difference
        self._true_m = {name: array("d") for name in MEASURES}  # of a position its range
        self._boundary_ious = array("d")

    def add(self, pairs: Sequence[tuple[ObjectDistance, ObjectDistance]]) -> None:
        """Add pairs (predicted, true) of a frame; a measure that one of them does not know is left out."""
        for found, true in pairs:
            for name, p, t in zip(MEASURES[:-1], _values(found), _values(true), strict=False):
                self._add(name, p - t, t)
            self._add("position", math.dist(found.position_m, true.position_m), math.hypot(*true.position_m))

    def _add(self, name: str, error_m: float, true_m: float) -> None:
        if math.isfinite(error_m) and true_m > 0:
            self._errors_m[name].append(error_m)
            self._true_m[name].append(true_m)

    def add_boundary_ious(self, values: Sequence[float]) -> None:
        """Add Boundary IoUs (`boundaries.boundary_iou`) of matched pairs."""
        self._boundary_ious.extend(values)

    def merge(self, other: ObjectDistanceCollection) -> None:
        """Add what another collection has collected."""
        for name in MEASURES:
            self._errors_m[name].extend(other._errors_m[name])
            self._true_m[name].extend(other._true_m[name])
        self._boundary_ious.extend(other._boundary_ious)

    def summary(self) -> dict[str, Any] | None:
        """By measure: `count`, percentiles of |p - t| `abs_m` and |p - t| / t `rel`, median of the signed (p - t) / t.

        Of positions p - t is the length of the difference, and t the range. `boundary_iou` is the mean over the matched
        pairs, None where it is not computed. None without a matched pair.
        """
        if not any(self._errors_m.values()):
            return None
        measures = {name: _summary(np.array(self._errors_m[name]), np.array(self._true_m[name])) for name in MEASURES}
        ious = self._boundary_ious
        return measures | {"boundary_iou": math.fsum(ious) / len(ious) if ious else None}


def _summary(error_m: NDArray[np.float64], true_m: NDArray[np.float64]) -> dict[str, Any] | None:
    if not len(error_m):
        return None
    return {
        "count": len(error_m),
        "abs_m": _percentiles(np.abs(error_m)),
        "rel": _percentiles(np.abs(error_m) / true_m),
        "median_signed_rel": float(np.median(error_m / true_m)),
    }


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    return {f"p{p}": float(value) for p, value in zip(_PERCENTS, np.percentile(values, _PERCENTS), strict=True)}
