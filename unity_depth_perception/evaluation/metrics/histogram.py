"""Percentiles of any number of values in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError

RELATIVE_TOLERANCE = 2.0**-9
"""Largest relative difference between a percentile and the exact one (0.2 %), between SMALLEST and LARGEST."""
SMALLEST, LARGEST = 2.0**-20, 2.0**20
"""Values below SMALLEST (1e-6) count as 0, values above LARGEST (1e6) as LARGEST."""
_STEPS = 8  # bits of the mantissa that tell bins apart: 256 bins an octave
_SHIFT = 23 - _STEPS  # float32 has a mantissa of 23 bits
_FIRST = int(np.float32(SMALLEST).view(np.int32)) >> _SHIFT
_BINS = (int(np.float32(LARGEST).view(np.int32)) >> _SHIFT) - _FIRST + 2  # the first one counts zeros
_BLOCK = 1 << 15


class Histogram:
    """Counts of values >= 0 in bins 1/256 of an octave wide: their middles are within 0.2 % of every value in them.

    A bin is the exponent and the leading 8 bits of a float32's mantissa, as in HdrHistogram (G. Tene,
    hdrhistogram.org): no logarithm is computed. Counts are whole numbers, so merging does not depend on the order.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, dtype=np.int64)

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count values of any shape, each >= 0; NaN is left out."""
        flat = np.asarray(values, dtype=np.float32).reshape(-1)
        for start in range(0, flat.size, _BLOCK):
            block = flat[start : start + _BLOCK]
            if np.isnan(block).any():
                block = block[~np.isnan(block)]
            bits = np.clip(block, 0, LARGEST).view(np.int32) >> _SHIFT
            self._counts += np.bincount(np.maximum(bits - (_FIRST - 1), 0), minlength=_BINS)

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram."""
        self._counts += other._counts

    @property
    def count(self) -> int:
        """Number of values."""
        return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """The lower percentile: the smallest value that at least `percent` % of the values do not exceed; NaN if empty.

        It is within RELATIVE_TOLERANCE of the exact one; below SMALLEST it is 0.

        Raises:
            InputError: `percent` is not in 0 .. 100.
        """
        if not 0 <= percent <= 100:
            raise InputError(f"expected a percentile of 0 to 100, got {percent}")
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(self.count * percent / 100))
        place = int(np.searchsorted(np.cumsum(self._counts), rank))
        if place == 0:
            return 0.0
        edges = (np.array([place, place + 1], dtype=np.int32) + (_FIRST - 1)) << _SHIFT
        return min(float(edges.view(np.float32).astype(np.float64).mean()), LARGEST)

    def percentiles(self, percents: Iterable[int]) -> dict[str, float | None]:
        """Percentiles by name, `p50`; None if the histogram is empty."""
        return {f"p{percent}": self.percentile(percent) if self.count else None for percent in percents}
