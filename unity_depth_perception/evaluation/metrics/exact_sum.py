"""Sums of arrays that do not depend on the order of their terms, so that workers' parts merge to the same bits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unity_depth_perception.core.errors import InputError

_BITS = 120  # behind the binary point: terms below 2**-120 (1e-36) are rounded to a multiple of it


class ExactSum:
    """Sum of float arrays of one shape, kept as whole numbers of 2**-120.

    Floating-point addition depends on the order of its terms; addition of whole numbers does not, so that the total is
    the same to the last bit however frames are split among workers.
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self._shape = shape
        self._units = [0] * math.prod(shape)

    def add(self, values: ArrayLike) -> None:
        """Add an array of the sum's shape.

        Raises:
            InputError: the shape differs, or a value is not finite.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.shape != self._shape or not np.isfinite(array).all():
            raise InputError(f"expected finite values of shape {self._shape}, got shape {array.shape}: {array}")
        terms = (round(math.ldexp(value, _BITS)) if value else 0 for value in array.reshape(-1).tolist())
        self._units = [unit + term for unit, term in zip(self._units, terms, strict=True)]

    def merge(self, other: ExactSum) -> None:
        """Add another sum of the same shape."""
        if other._shape != self._shape:
            raise InputError(f"expected a sum of shape {self._shape} to merge with, got {other._shape}")
        self._units = [mine + theirs for mine, theirs in zip(self._units, other._units, strict=True)]

    @property
    def total(self) -> NDArray[np.float64]:
        """The sum, rounded once to float64."""
        return np.array([unit / (1 << _BITS) for unit in self._units], dtype=np.float64).reshape(self._shape)
