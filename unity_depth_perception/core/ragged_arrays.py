"""Ragged arrays: rows of different lengths in one array, padded with NaN, and their lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


def packed(points: Sequence[Values]) -> tuple[Values, Counts]:
    """Pack the finite points of N objects, (K, 3) each, into (N, max K, 3), padded with NaN; and their counts (N,)."""
    filled = np.full((len(points), max(map(len, points), default=0), 3), np.nan)
    for row, one in zip(filled, points, strict=True):
        row[: len(one)] = one
    finite = _finite(filled)
    counts = finite.sum(axis=1)
    order = np.argsort(~finite, axis=1, kind="stable")[:, : counts.max(initial=0)]
    return _filled_up(filled[np.arange(len(filled))[:, None], order], counts), counts


def finite_points(points: Values) -> Values:
    """Those of the points (K, 3) that are finite."""
    return points.compress(_finite(points), axis=0)


def thinned(points: Values, counts: Counts, most: int) -> tuple[Values, Counts]:
    """At most `most` of the points (N, K, 3) of each object, evenly spread; and their counts (N,)."""
    steps = -(-counts // most)
    kept = -(-counts // steps)
    places = np.minimum(np.arange(kept.max(initial=0)) * steps[:, None], points.shape[1] - 1)
    return _filled_up(points[np.arange(len(points))[:, None], places], kept), kept


def quantiles(ordered: Values, counts: Counts, shares: Sequence[float]) -> Values:
    """Quantiles (S, N, ...) at S fractions along the last axis of `ordered` (N, ..., K): sorted, NaN last."""
    places = np.multiply.outer(shares, counts - 1)  # (S, N)
    below = places.astype(np.int64)
    rows = np.arange(len(counts))
    lower, upper = ordered[rows, ..., below], ordered[rows, ..., np.minimum(below + 1, counts - 1)]
    part = (places - below).reshape(*places.shape, *(1,) * (lower.ndim - 2))
    return np.asarray(lower + part * (upper - lower))


def _finite(points: Values) -> NDArray[np.bool_]:
    """Which of the points (..., 3) are finite: each column by itself, several times as fast as `all(axis=-1)`."""
    finite = np.isfinite(points)
    return np.asarray(finite[..., 0] & finite[..., 1] & finite[..., 2])


def _filled_up(values: Values, counts: Counts) -> Values:
    values[np.arange(values.shape[1]) >= counts[:, None]] = np.nan
    return values
