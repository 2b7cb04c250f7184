"""Depth errors over any number of frames: per image and pooled, aligned, by distance, category and rim, sky."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.metrics import ERROR_SUMS, DepthMetrics, depth_error_sums, metrics_of_sums
from unity_depth_perception.evaluation.metrics.alignment import fit_alignments
from unity_depth_perception.evaluation.metrics.boundaries import depth_boundary_score, flying_pixels
from unity_depth_perception.evaluation.metrics.exact_sum import ExactSum
from unity_depth_perception.evaluation.metrics.histogram import Histogram
from unity_depth_perception.evaluation.metrics.pixel_groups import DISTANCE_BINS_M, pixel_groups, rim_pixels

ALIGNMENTS = ("raw", "scale", "scale_shift", "affine_disparity")
PERCENTS = (50, 90, 95, 99)
_NAMES = tuple(name for name in asdict(metrics_of_sums(np.zeros(len(ERROR_SUMS)))) if name != "pixel_count")


class _Mean:
    """Mean of numbers by name over the images where they are defined, as papers average."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._sums, self._counts = ExactSum((len(names),)), np.zeros(len(names), dtype=np.int64)

    def add(self, values: Mapping[str, float]) -> None:
        row = np.array([values[name] for name in self._names], dtype=np.float64)
        self._sums.add(np.where(np.isfinite(row), row, 0.0))
        self._counts += np.isfinite(row)

    def merge(self, other: _Mean) -> None:
        self._sums.merge(other._sums)
        self._counts += other._counts

    def summary(self) -> dict[str, float | None]:
        rows = zip(self._names, self._sums.total.tolist(), self._counts.tolist(), strict=True)
        return {name: total / count if count else None for name, total, count in rows}


class FrameDepth(NamedTuple):
    """Depth metrics of one frame, and the median scale that aligns it with the truth, where it is computed."""

    metrics: DepthMetrics
    scale: float | None = None


class DepthCollection:
    """Depth errors of frames; what is collected of two workers merges to the same numbers as that of one.

    Args:
        everything: also alignments, percentiles, bins, categories, rims and boundaries, which take longer.
    """

    def __init__(self, everything: bool) -> None:
        self._everything = everything
        steps = ALIGNMENTS if everything else ALIGNMENTS[:1]
        self._frames = 0
        self._per_image = {step: _Mean(_NAMES) for step in steps}
        self._pooled = {step: ExactSum((len(ERROR_SUMS),)) for step in steps}
        self._by_group: dict[tuple[str, str], ExactSum] = {}
        self._sky = np.zeros(5, dtype=np.int64)
        self._flying = np.zeros(3, dtype=np.int64)
        self._histograms = {"abs_rel": Histogram(), "abs_m": Histogram()}
        self._boundary = _Mean(("precision", "recall", "f1"))
        self._scales = _Mean(("mean_scale", "mean_log_scale", "mean_log_scale_squared"))

    def add(
        self,
        prediction_m: NDArray[np.float32],
        truth_m: NDArray[np.float32],
        instances: NDArray[np.integer[Any]] | None = None,
        categories: Sequence[str] = (),
    ) -> FrameDepth:
        """Add a frame: predicted and true planar depth (H, W) [m], true instances and the categories of their values.

        Raises:
            InputError: the shapes differ.
        """
        if not self._everything:
            sums = depth_error_sums(prediction_m, truth_m)[0]
            self._count_sky(prediction_m, truth_m, sums)
            return FrameDepth(self._add("raw", sums))
        groups = pixel_groups(truth_m, instances, categories)
        by_group = depth_error_sums(prediction_m, truth_m, groups.number, groups.count)
        metrics = self._add("raw", by_group.sum(axis=0))
        self._count_sky(prediction_m, truth_m, by_group.sum(axis=0))
        self._add_groups(groups.split(by_group), groups.names, instances is not None)
        alignments = fit_alignments(prediction_m, truth_m)
        for step, alignment in alignments.items():
            self._add(step, depth_error_sums(prediction_m, truth_m, align=alignment)[0])
        if alignments:
            self._add_scale(alignments["scale"].scale)
        self._add_percentiles(prediction_m, truth_m)
        if instances is not None:
            self._count_flying(prediction_m, truth_m, instances)
        boundary = depth_boundary_score(prediction_m, truth_m)
        if boundary is not None:
            self._boundary.add(asdict(boundary))
        return FrameDepth(metrics, alignments["scale"].scale if alignments else None)

    def _add(self, step: str, sums: NDArray[np.float64]) -> DepthMetrics:
        self._pooled[step].add(sums)
        metrics = metrics_of_sums(sums)
        if metrics.pixel_count:
            self._frames += step == "raw"
            self._per_image[step].add(asdict(metrics))
        return metrics

    def _count_sky(self, prediction_m: NDArray[Any], truth_m: NDArray[Any], sums: NDArray[np.float64]) -> None:
        """True sky, sky with finite depth, sky of +Inf; known truth, known truth whose depth is +Inf."""
        sky = truth_m == math.inf
        found = prediction_m[sky]
        in_sky = int(((found > 0) & (found < math.inf)).sum())
        lost = 0
        if sums[0] > sums[1]:  # otherwise depth covers all pixels with truth
            lost = int(((prediction_m == math.inf) & (truth_m > 0) & ~sky).sum())
        self._sky += np.array([len(found), in_sky, int((found == math.inf).sum()), int(sums[0]), lost])

    def _count_flying(
        self,
        prediction_m: NDArray[np.float32],
        truth_m: NDArray[np.float32],
        instances: NDArray[np.integer[Any]],
    ) -> None:
        """Pixels at rims, those that fly, and those that still fly when the median scale of the objects is right."""
        rim = rim_pixels(instances)
        with np.errstate(invalid="ignore", divide="ignore"):
            rim &= truth_m > 0
            ratio = truth_m[instances > 0] / prediction_m[instances > 0]
        ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
        scale = float(np.median(ratio)) if len(ratio) else 1.0
        flying = (flying_pixels(prediction_m * np.float32(by), truth_m)[rim].sum() for by in (1.0, scale))
        self._flying += np.array([rim.sum(), *flying])

    def _add_groups(self, sums: NDArray[np.float64], names: Sequence[str], has_objects: bool) -> None:
        """Add sums (categories, bins, rim, S) under the names of their groups."""
        parts = {("distance", str(k)): sums[:, k].sum(axis=(0, 1)) for k in range(sums.shape[1])}
        if has_objects:
            parts |= {("category", name): sums[k].sum(axis=(0, 1)) for k, name in enumerate(names) if name}
            parts |= {
                ("region", "background"): sums[0].sum(axis=(0, 1)),
                ("region", "objects"): sums[1:].sum(axis=(0, 1, 2)),
                ("region", "rims"): sums[:, :, 1].sum(axis=(0, 1)),
                ("region", "inside"): sums[:, :, 0].sum(axis=(0, 1)),
            }
        for key, part in parts.items():
            if part.any():
                self._by_group.setdefault(key, ExactSum((len(ERROR_SUMS),))).add(part)

    def _add_scale(self, scale: float) -> None:
        log = math.log(scale)
        self._scales.add({"mean_scale": scale, "mean_log_scale": log, "mean_log_scale_squared": log * log})

    def _add_percentiles(self, prediction_m: NDArray[np.float32], truth_m: NDArray[np.float32]) -> None:
        with np.errstate(invalid="ignore"):
            compared = (truth_m > 0) & (truth_m < math.inf) & (prediction_m > 0) & (prediction_m < math.inf)
        true = truth_m[compared]
        error = np.abs(prediction_m[compared] - true)
        self._histograms["abs_m"].add(error)
        self._histograms["abs_rel"].add(error / true)

    def merge(self, other: DepthCollection) -> None:
        """Add what another collection of the same kind has collected."""
        self._frames += other._frames
        self._sky += other._sky
        self._flying += other._flying
        for step in self._pooled:
            self._pooled[step].merge(other._pooled[step])
            self._per_image[step].merge(other._per_image[step])
        for key, sums in other._by_group.items():
            self._by_group.setdefault(key, ExactSum((len(ERROR_SUMS),))).merge(sums)
        for name, histogram in other._histograms.items():
            self._histograms[name].merge(histogram)
        self._boundary.merge(other._boundary)
        self._scales.merge(other._scales)

    def summary(self) -> dict[str, Any] | None:
        """The numbers, as docs/metrics.md names them; None without any pixel of true depth."""
        if not self._frames:
            return None
        summary: dict[str, Any] = {
            "frames": self._frames,
            "per_image": {step: mean.summary() for step, mean in self._per_image.items()},
            "pooled": {step: _numbers(metrics_of_sums(sums.total)) for step, sums in self._pooled.items()},
            "sky": self._sky_shares(),
        }
        if self._everything:
            summary |= {
                "scale": self._scale_summary(),
                "pixel_error_percentiles": {n: h.percentiles(PERCENTS) for n, h in self._histograms.items()},
                "by_distance": [
                    {"from_m": near, "to_m": far if math.isfinite(far) else None}
                    | _numbers(metrics_of_sums(sums.total))
                    for k, (near, far) in enumerate(pairwise(DISTANCE_BINS_M))
                    if (sums := self._by_group.get(("distance", str(k)))) is not None
                ],
                "by_category": self._groups("category"),
                "by_region": self._groups("region"),
                "boundary": self._boundary.summary(),
                "flying_pixels": self._flying_shares(),
            }
        return summary

    def _groups(self, kind: str) -> dict[str, dict[str, float | int | None]]:
        found = {name: sums for (of_kind, name), sums in self._by_group.items() if of_kind == kind}
        return {name: _numbers(metrics_of_sums(found[name].total)) for name in sorted(found)}

    def _scale_summary(self) -> dict[str, float | None]:
        """Mean of the images' median scales, and the standard deviation of their logarithms."""
        mean = self._scales.summary()
        log, squared = mean["mean_log_scale"], mean["mean_log_scale_squared"]
        spread = None if log is None or squared is None else math.sqrt(max(squared - log * log, 0.0))
        return {"mean": mean["mean_scale"], "log_std": spread}

    def _sky_shares(self) -> dict[str, float | int | None]:
        sky, in_sky, found, known, lost = self._sky.tolist()
        return {
            "sky_pixels": sky,
            "sky_with_finite_depth": in_sky / sky if sky else None,
            "finite_truth_with_infinite_depth": lost / known if known else None,
            "sky_recall": found / sky if sky else None,
            "sky_precision": found / (found + lost) if found + lost else None,
        }

    def _flying_shares(self) -> dict[str, float | int | None]:
        rim, raw, scaled = self._flying.tolist()
        return {"rim_pixels": rim, "raw": raw / rim if rim else None, "scale": scaled / rim if rim else None}


def _numbers(metrics: DepthMetrics) -> dict[str, float | int | None]:
    """Depth metrics for JSON, which has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(metrics).items()}
