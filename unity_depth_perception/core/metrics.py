"""Errors of a depth image against the truth, and matching of predicted with true objects.

The depth measures are those of Eigen et al. (2014), as monocular depth papers report them; SILog is KITTI's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError

IOU_THRESHOLD = 0.5
_LOG_DELTA = math.log(1.25)
_BLOCK = 1 << 15  # pixels that are compared at once

Align = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class DepthMetrics:
    """Errors of a depth image over the pixels whose truth is finite and > 0.

    p is the predicted depth, t the true one. The means are over the pixels that the prediction covers with a finite
    depth > 0. The deltas count an uncovered pixel as a miss, and `coverage` reports the covered share: a network cannot
    improve its score unnoticed by leaving pixels out.

    Attributes:
        abs_rel: mean of |p - t| / t.
        sq_rel: mean of (p - t)^2 / t [m].
        rmse: root of the mean of (p - t)^2 [m].
        rmse_log: root of the mean of (ln p - ln t)^2.
        si_log: 100 times the standard deviation of ln p - ln t; independent of a global scale; exact to 1e-6.
        delta1, delta2, delta3: share of pixels with max(p / t, t / p) < 1.25, 1.25^2, 1.25^3.
        coverage: share of pixels with a finite prediction > 0.
        pixel_count: pixels with truth; without any, everything else is NaN.
        log10: mean of |log10 p - log10 t| (Saxena et al. 2009, Make3D).
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
    log10: float = math.nan


ERROR_SUMS = ("pixels", "covered", "abs_rel", "sq_rel", "sq", "log", "abs_log", "log_sq", "delta1", "delta2", "delta3")
"""Columns of `depth_error_sums`: what the metrics of any set of pixels follow from."""


def depth_error_sums(
    prediction_m: NDArray[np.floating[Any]],
    truth_m: NDArray[np.floating[Any]],
    group: NDArray[np.intp] | None = None,
    count: int = 1,
    align: Align | None = None,
) -> NDArray[np.float64]:
    """Sums over pixels that the depth metrics follow from, for each group of pixels.

    Pixels whose truth is not finite or <= 0 are left out. Blocks of pixels that fit into a CPU's cache make it several
    times faster than whole images; the sums are taken in one order, whatever the number of threads.

    Args:
        prediction_m, truth_m: (H, W) predicted and true depth [m]; a prediction not finite or <= 0 covers no pixel.
        group: (H, W) number of each pixel's group, 0 .. count - 1; None: all are of one group.
        align: changes float64 predictions (P,) before they are compared.

    Returns:
        (count, len(ERROR_SUMS)): pixels, covered pixels; and over the covered ones the sums of |p - t| / t,
        (p - t)^2 / t, (p - t)^2, of ln(p / t), its absolute value and its square, and of being within 1.25, 1.25^2,
        1.25^3.

    Raises:
        InputError: the shapes differ.
    """
    if prediction_m.shape != truth_m.shape:
        raise InputError(
            f"expected a prediction of the truth's shape {truth_m.shape}, got {prediction_m.shape}; resize it first"
        )
    predicted, true = prediction_m.reshape(-1), truth_m.reshape(-1)
    groups = None if group is None else group.reshape(-1)
    sums = np.zeros((count, len(ERROR_SUMS)))
    for start in range(0, true.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        p, t = predicted[block], true[block]
        g = None if groups is None else groups[block]
        is_known = (t > 0) & (t < math.inf)
        if not is_known.all():
            p, t, g = p[is_known], t[is_known], None if g is None else g[is_known]
        p = p.astype(np.float64)
        sums += _block_sums(p if align is None else align(p), t.astype(np.float64), g, count)
    return sums


def _block_sums(
    p: NDArray[np.float64], t: NDArray[np.float64], group: NDArray[np.intp] | None, count: int
) -> NDArray[np.float64]:
    is_covered = (p > 0) & (p < math.inf)
    pixels = np.array([float(t.size)]) if group is None else np.bincount(group, minlength=count).astype(np.float64)
    if not is_covered.all():
        p, t, group = p[is_covered], t[is_covered], None if group is None else group[is_covered]
    error = p - t
    relative, log = error / t, np.log(p / t)
    size = np.abs(log)
    values = [np.ones_like(t), np.abs(relative), error * relative, error * error, log, size, log * log]
    values += [(size < k * _LOG_DELTA).astype(np.float64) for k in (1, 2, 3)]
    if group is None:
        return np.array([[pixels[0], *(value.sum() for value in values)]])
    return np.stack([pixels, *(np.bincount(group, value, count) for value in values)], axis=1)


def metrics_of_sums(sums: NDArray[np.float64]) -> DepthMetrics:
    """Depth metrics of the pixels that `sums` (len(ERROR_SUMS),) add up: one image, or pixels pooled over images."""
    total = dict(zip(ERROR_SUMS, sums.tolist(), strict=True))
    pixels, covered = total["pixels"], total["covered"]
    mean = {name: _ratio(value, covered) for name, value in total.items()}
    return DepthMetrics(
        abs_rel=mean["abs_rel"],
        sq_rel=mean["sq_rel"],
        rmse=math.sqrt(mean["sq"]),
        rmse_log=math.sqrt(mean["log_sq"]),
        si_log=100 * math.sqrt(max(mean["log_sq"] - mean["log"] ** 2, 0.0)) if covered else math.nan,
        delta1=_ratio(total["delta1"], pixels),
        delta2=_ratio(total["delta2"], pixels),
        delta3=_ratio(total["delta3"], pixels),
        coverage=_ratio(covered, pixels),
        pixel_count=int(pixels),
        log10=mean["abs_log"] / math.log(10),
    )


def depth_metrics(prediction_m: NDArray[np.floating[Any]], truth_m: NDArray[np.floating[Any]]) -> DepthMetrics:
    """Errors of a predicted depth image against the true one, both (H, W) planar depth [m].

    Raises:
        InputError: the shapes differ.
    """
    return metrics_of_sums(depth_error_sums(prediction_m, truth_m)[0])


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


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _nan_mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
