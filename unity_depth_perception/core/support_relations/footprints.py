"""Footprints: the rectangles of the ground that objects cover, fitted to the visible points of all objects at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ragged_arrays import Counts, Values, quantiles

_YAWS = np.radians(np.arange(0.0, 90.0, 5.0))
_AXES = np.stack([[np.cos(_YAWS), np.sin(_YAWS)], [-np.sin(_YAWS), np.cos(_YAWS)]]).transpose(2, 0, 1)  # (Y, 2, 2)
_ON_SIDE = 0.1  # how near to a side, in edges, a cube's points lie on it; and the fraction of them on a visible side


@dataclass(frozen=True)
class Footprints:
    """N rectangles of the ground: from `low` to `high` (N, 2) [m] along the rows of `axes` (N, 2, 2)."""

    axes: Values
    low: Values
    high: Values

    def replaced(self, indices: NDArray[np.int64], others: Footprints) -> Footprints:
        """The same rectangles with `others` (K) at `indices` (K,)."""
        axes, low, high = self.axes.copy(), self.low.copy(), self.high.copy()
        axes[indices], low[indices], high[indices] = others.axes, others.low, others.high
        return Footprints(axes, low, high)

    @property
    def centers(self) -> Values:
        """Centres (N, 2) [m] in ground coordinates."""
        return np.asarray(((self.low + self.high)[:, None] / 2 @ self.axes)[:, 0])

    @property
    def sizes_m(self) -> Values:
        """Longer sides (N,) [m]."""
        return np.asarray((self.high - self.low).max(axis=1))

    def distances_m(self, points: Values) -> Values:
        """Distances (N, P) [m] of ground points (P, 2) or (N, P, 2) from each rectangle; 0 inside."""
        along = points @ self.axes.swapaxes(1, 2)
        outside = np.maximum(np.maximum(self.low[:, None] - along, along - self.high[:, None]), 0.0)
        return np.asarray(np.hypot(outside[..., 0], outside[..., 1]))


class RotatedPoints:
    """Ground points of N objects, along the axes of each of Y yaws.

    Args:
        ground: (N, K, 2) [m] horizontally from the camera, padded with NaN.
        counts: (N,) number of points of each object.
    """

    def __init__(self, ground: Values, counts: Counts) -> None:
        rotated = _AXES.reshape(-1, 2) @ ground.swapaxes(1, 2)
        self._rotated = rotated.reshape(len(ground), len(_AXES), 2, ground.shape[1])  # (N, Y, 2, K)
        self._sorted = np.sort(self._rotated)
        self._counts = counts

    def bounding_rectangles(self) -> Footprints:
        """The rectangle of least area around nearly all points of each object."""
        low, high = quantiles(self._sorted, self._counts, (0.01, 0.99))  # (N, Y, 2) each
        sides = high - low
        best = (sides.prod(axis=2) + 1e-6 * sides.sum(axis=2)).argmin(axis=1)
        rows = np.arange(len(best))
        return Footprints(_AXES[best], low[rows, best], high[rows, best])

    def cube_squares(self, cubes: NDArray[np.int64], below_top: NDArray[np.bool_], edges_m: Values) -> Footprints:
        """Fit squares with the cubes' edge lengths: points lie on the near sides and under the top.

        Where neither of two opposite sides is visible and the points span less than an edge, the square may lie
        anywhere around them: the footprint then covers all these squares.

        Args:
            cubes: (C,) indices of the objects that are cubes.
            below_top: (C, K) which of their points are on their sides.
            edges_m: (C,) length of their edges [m].
        """
        counts, rows, edges_m = self._counts[cubes], np.arange(len(cubes)), edges_m[:, None]
        away, nearest = self._near_corners(cubes)
        place = (self._rotated[cubes] - nearest[..., None]) * (away / edges_m[..., None])[..., None]  # 0..1 in a square
        to_side, outside = np.abs(place), np.maximum(np.abs(place - 0.5) - 0.5, 0)
        errors = np.where(below_top[:, None], to_side.min(axis=2), outside.sum(axis=2))
        best = np.nansum(errors, axis=2).argmin(axis=1)
        on_side = below_top[:, None] & (to_side[rows, best] < _ON_SIDE)
        visible = on_side.sum(axis=2) > _ON_SIDE * counts[:, None]  # (C, 2)
        reach = np.clip(quantiles(np.sort(place[rows, best]), counts, (0.98,))[0], 0, 1)
        low = (nearest * away)[rows, best]
        slack_m = np.where(visible, 0, 1 - reach) * edges_m
        return Footprints(_AXES[best] * away[rows, best][..., None], low - slack_m, low + edges_m)

    def _near_corners(self, chosen: NDArray[np.int64]) -> tuple[Values, Values]:
        """Direction (C, Y, 2), 1 or -1, in which each axis leads away from the camera, and the corner nearest to it."""
        ordered, counts, rows = self._sorted[chosen], self._counts[chosen], np.arange(len(chosen))
        away = np.where(np.nansum(ordered, axis=3) < 0, -1.0, 1.0)  # the camera is at the origin
        few = (0.03 * counts).astype(np.int64)  # a low percentile instead of the minimum
        return away, np.where(away > 0, ordered[rows, ..., few], ordered[rows, ..., counts - 1 - few])
