"""Errors of a depth image against the truth, and matching of predicted with true objects.

The depth measures are those of Eigen et al. (2014), as monocular depth papers report them; SILog is KITTI's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError

IOU_THRESHOLD = 0.5


@dataclass(frozen=True)
class DepthMetrics:
    """Errors of a depth image over the pixels whose truth is finite and > 0.

    The first five are means over the pixels that the prediction covers with a finite depth > 0. The deltas count an
    uncovered pixel as a miss, and `coverage` reports the covered share: a network cannot improve its score unnoticed
    by leaving pixels out.

    Attributes:
        abs_rel: mean of |p - t| / t.
        sq_rel: mean of (p - t)^2 / t [m].
        rmse: root of the mean of (p - t)^2 [m].
        rmse_log: root of the mean of (ln p - ln t)^2.
        si_log: 100 times the standard deviation of ln p - ln t; independent of a global scale.
        delta1, delta2, delta3: share of pixels with max(p / t, t / p) < 1.25, 1.25^2, 1.25^3.
        coverage: share of pixels with a finite prediction > 0.
        pixel_count: pixels with truth; without any, everything else is NaN.
    """

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    si_log: float
    delta1: float
    delta2: float
    delta3: float
    coverage: float
    pixel_count: int


def depth_metrics(prediction_m: NDArray[np.floating[Any]], truth_m: NDArray[np.floating[Any]]) -> DepthMetrics:
    """Errors of a predicted depth image against the true one, both (H, W) planar depth [m].

    Raises:
        InputError: the shapes differ.
    """
    if prediction_m.shape != truth_m.shape:
        raise InputError(
            f"expected a prediction of the truth's shape {truth_m.shape}, got {prediction_m.shape}; resize it first"
        )
    known = np.isfinite(truth_m) & (truth_m > 0)
    predicted, true = prediction_m[known].astype(np.float64), truth_m[known].astype(np.float64)
    covered = np.isfinite(predicted) & (predicted > 0)
    predicted, true = predicted[covered], true[covered]
    count, coverage = len(covered), _ratio(len(predicted), len(covered))
    if not len(predicted):
        deltas = (0.0, 0.0, 0.0) if count else (math.nan, math.nan, math.nan)
        return DepthMetrics(math.nan, math.nan, math.nan, math.nan, math.nan, *deltas, coverage, count)
    error, log_error = predicted - true, np.log(predicted / true)
    within = [_ratio(int((np.abs(log_error) < k * math.log(1.25)).sum()), count) for k in (1, 2, 3)]
    return DepthMetrics(
        abs_rel=float((np.abs(error) / true).mean()),
        sq_rel=float((error**2 / true).mean()),
        rmse=math.sqrt(float((error**2).mean())),
        rmse_log=math.sqrt(float((log_error**2).mean())),
        si_log=100 * float(log_error.std()),
        delta1=within[0],
        delta2=within[1],
        delta3=within[2],
        coverage=coverage,
        pixel_count=count,
    )


def mean_metrics(metrics: Sequence[DepthMetrics]) -> DepthMetrics:
    """Mean of each measure over the images where it is defined, as papers average; `pixel_count` is the sum.

    Raises:
        InputError: `metrics` is empty.
    """
    if not metrics:
        raise InputError("expected the metrics of at least one image, got none")
    rows = [asdict(one) for one in metrics]
    means = {name: _nan_mean([row[name] for row in rows]) for name in rows[0] if name != "pixel_count"}
    return DepthMetrics(**means, pixel_count=sum(one.pixel_count for one in metrics))


def match_objects(
    iou: NDArray[np.floating[Any]],
    predicted: Sequence[str],
    true: Sequence[str],
    scores: Sequence[float] | None = None,
    threshold: float = IOU_THRESHOLD,
) -> list[tuple[int, int]]:
    """Pairs (predicted, true) of objects of the same category whose masks overlap, each used once.

    Greedy: predictions in the order of falling score, each takes the unmatched true object with the largest IoU;
    without scores, pairs are taken in the order of falling IoU. Masks of one instance image do not overlap, so above
    an IoU of 0.5 the match is unique.

    Args:
        iou: (len(predicted), len(true)) mask IoU.
        predicted, true: categories.
        scores: confidence of each prediction.
        threshold: least IoU of a pair.

    Raises:
        InputError: the sizes do not fit.
    """
    if iou.shape != (len(predicted), len(true)) or (scores is not None and len(scores) != len(predicted)):
        raise InputError(
            f"expected IoU ({len(predicted)}, {len(true)}) and a score per prediction, got {iou.shape} and "
            f"{'no' if scores is None else len(scores)} scores"
        )
    candidates = [
        (p, t) for p, t in zip(*np.nonzero(np.asarray(iou) >= threshold), strict=True) if predicted[p] == true[t]
    ]
    candidates.sort(key=lambda pair: (-(scores[pair[0]] if scores is not None else 0.0), -iou[pair], pair))
    pairs: dict[int, int] = {}
    for p, t in candidates:
        if p not in pairs and t not in pairs.values():
            pairs[int(p)] = int(t)
    return sorted(pairs.items())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _nan_mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
