"""The rectangles of the ground that objects cover, from the seen points of all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ragged_arrays import Counts, Values, quantiles

_YAWS = np.radians(np.arange(0.0, 90.0, 5.0))
_AXES = np.stack([[np.cos(_YAWS), np.sin(_YAWS)], [-np.sin(_YAWS), np.cos(_YAWS)]]).transpose(2, 0, 1)  # (Y, 2, 2)
_AT_SIDE = 0.1  # of a cube's points lie on a side that is in sight
AT_END, _ENDS_THERE = 0.1, 0.05  # how near, in sizes, and which part of all its ends lie where a side is seen to end


@dataclass(frozen=True)
class Footprints:
    """N rectangles of the ground: from `low` to `high` (N, 2) [m] along the rows of `axes` (N, 2, 2)."""

    axes: Values
    low: Values
    high: Values

    def __getitem__(self, chosen: NDArray[np.int64]) -> Footprints:
        """Some of them, each as often as it is named."""
        return Footprints(self.axes[chosen], self.low[chosen], self.high[chosen])

    def replaced(self, places: NDArray[np.int64], others: Footprints) -> Footprints:
        """The same, but for the others at some places."""
        axes, low, high = self.axes.copy(), self.low.copy(), self.high.copy()
        axes[places], low[places], high[places] = others.axes, others.low, others.high
        return Footprints(axes, low, high)

    @property
    def centers(self) -> Values:
        """(N, 2) [m] their middles, in ground coordinates."""
        return np.asarray(((self.low + self.high)[:, None] / 2 @ self.axes)[:, 0])

    @property
    def sizes_m(self) -> Values:
        """(N,) their longer sides."""
        return np.asarray((self.high - self.low).max(axis=1))

    def outside_m(self, ground: Values, unseen_m: Values) -> Values:
        """How far (N, P) places (N, P, 2) are outside of each [m], if it reaches on by `unseen_m` (N, P, 2, 2).

        Args:
            unseen_m: for each axis beyond `low` and beyond `high`.
        """
        place = ground @ self.axes.swapaxes(1, 2)
        below = self.low[:, None] - unseen_m[..., 0] - place
        above = place - self.high[:, None] - unseen_m[..., 1]
        beyond = np.maximum(np.maximum(below, above), 0.0)
        return np.asarray(np.hypot(beyond[..., 0], beyond[..., 1]))

    def sides_seen(self, ends: Values, slack_m: Values) -> NDArray[np.bool_]:
        """(N, 2, 2) whether each is seen to end at `low` and `high` of its axes.

        Args:
            ends: (N, E, 2) [m] where it is seen to end.
            slack_m: (N, 2) how near to a side that is, along each axis; (N, 1) if along both.
        """
        place, size = ends @ self.axes.swapaxes(1, 2) - self.low[:, None], (self.high - self.low)[:, None]
        slack = slack_m[:, None]
        between = ((place > slack) & (place < size - slack))[..., ::-1]  # not at a corner, where the other side ends
        least = _ENDS_THERE * np.isfinite(place).sum(axis=1)
        sides = [((np.abs(place - at) < slack) & between).sum(axis=1) > least for at in (0.0, size)]
        return np.stack(sides, axis=-1)

    def depth_inside(self, ground: Values) -> Values:
        """How far (N, P) places (P, 2) or (N, P, 2) lie inside each [m]; outside, minus the distance to it."""
        place = ground @ self.axes.swapaxes(1, 2)
        margin = np.minimum(place - self.low[:, None], self.high[:, None] - place)  # (N, P, 2)
        across, along = margin[..., 0], margin[..., 1]
        outside = np.hypot(np.minimum(across, 0), np.minimum(along, 0))
        return np.where(outside > 0, -outside, np.minimum(across, along))


class TurnedPlaces:
    """Places on the ground that N objects were seen at, along the axes of each of Y yaws."""

    def __init__(self, ground: Values, counts: Counts) -> None:
        """
        Args:
            ground: (N, K, 2) [m] from the camera, NaN behind the last.
            counts: (N,) how many there are.
        """
        turned = _AXES.reshape(-1, 2) @ ground.swapaxes(1, 2)
        self._turned = turned.reshape(len(ground), len(_AXES), 2, ground.shape[1])  # (N, Y, 2, K)
        self._ordered = np.sort(self._turned)
        self._counts = counts

    def bounding(self) -> Footprints:
        """The rectangle of least area around nearly all places of each object."""
        low, high = quantiles(self._ordered, self._counts, (0.01, 0.99))  # (N, Y, 2) each
        sides = high - low
        best = (sides.prod(axis=2) + 1e-6 * sides.sum(axis=2)).argmin(axis=1)
        rows = np.arange(len(best))
        return Footprints(_AXES[best], low[rows, best], high[rows, best])

    def squares(
        self, cubes: NDArray[np.int64], at_side: NDArray[np.bool_], edges_m: Values, ends: Values
    ) -> tuple[Footprints, Footprints]:
        """The squares of cubes' edges on whose near sides and under whose tops the places lie: the best of all yaws.

        Where neither of two opposite sides is seen and less than an edge between them, the square may lie anywhere
        around what is seen: the first footprints hold all these squares, the second what they share.

        Args:
            cubes: (C,) which objects.
            at_side: (C, K) which of their places are below their tops.
            edges_m: (C,) how long their edges are.
            ends: (C, E, 2) [m] where they are seen to end.
        """
        counts, rows = self._counts[cubes], np.arange(len(cubes))
        away, nearest = self._nearest(cubes)
        place = (self._turned[cubes] - nearest[..., None]) * (away / edges_m[:, None, None])[..., None]
        to_side, outside = np.abs(place), np.maximum(np.abs(place - 0.5) - 0.5, 0)
        side, top = np.minimum(to_side[:, :, 0], to_side[:, :, 1]), outside[:, :, 0] + outside[:, :, 1]
        best = np.nansum(np.where(at_side[:, None], side, top), axis=2).argmin(axis=1)
        in_sight = (at_side[:, None] & (to_side[rows, best] < 0.1)).sum(axis=2) > _AT_SIDE * counts[:, None]  # (C, 2)
        reach = np.clip(quantiles(np.sort(place[rows, best]), counts, (0.98,))[0], 0, 1)
        axes = _AXES[best] * away[rows, best][..., None]
        low = (nearest * away)[rows, best]
        seen = Footprints(axes, low, low + reach * edges_m[:, None])
        near, far = np.moveaxis(seen.sides_seen(ends, AT_END * edges_m[:, None]), -1, 0)
        slack = np.where(in_sight | near, 0, 1 - reach) * edges_m[:, None]
        low = np.where(far, low - slack, low)
        slack = np.where(far, 0, slack)
        high = low + edges_m[:, None]
        return Footprints(axes, low - slack, high), Footprints(axes, low, high - slack)

    def _nearest(self, chosen: NDArray[np.int64]) -> tuple[Values, Values]:
        """Which way (C, Y, 2), 1 or -1, each axis leads away from the camera, and the corner nearest to the camera."""
        ordered, counts, rows = self._ordered[chosen], self._counts[chosen], np.arange(len(chosen))
        away = np.where(np.nansum(ordered, axis=3) < 0, -1.0, 1.0)  # the camera is at the origin
        few = (0.03 * counts).astype(np.int64)  # a low percentile instead of the minimum
        return away, np.where(away > 0, ordered[rows, ..., few], ordered[rows, ..., counts - 1 - few])
