"""An object as the support relation needs it: how low and how high it reaches, and the rectangle that it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.floor import Floor

Points = NDArray[np.float64]

_MIN_POINTS = 4
_MOST_POINTS = 192  # per object: more cost time and decide nothing
_YAWS = np.radians(np.arange(0.0, 90.0, 5.0))
_AXES = np.stack([[np.cos(_YAWS), np.sin(_YAWS)], [-np.sin(_YAWS), np.cos(_YAWS)]]).transpose(2, 0, 1)  # (Y, 2, 2)
_EXACT_SCATTER = 0.004  # of a floor whose depth was rendered or measured well, in heights of the camera
_EXACT_TAIL, _TAIL_PER_SCATTER, _MOST_TAIL = 0.3, 300.0, 4.7  # % of an object's points beyond its ends
_LEVEL_VIEW = 0.1  # slope of a sight line under which the top of an object is too narrow to tell its depth
_RAISED, _NARROW = 0.35, 0.8  # a cube that ends above this part of its height and is narrower stands on something
_AT_SIDE = 0.1  # of a cube's points lie on a side that is in sight


@dataclass(frozen=True)
class Footprint:
    """A rectangle on the ground: from `low` to `high` (2,) [m] along the rows of `axes` (2, 2).

    Or N of them: low and high (N, 1, 2), axes (N, 2, 2).
    """

    axes: Points
    low: Points
    high: Points

    @classmethod
    def stack(cls, footprints: Sequence[Footprint]) -> Footprint:
        """N rectangles as one value."""
        return cls(
            np.stack([one.axes for one in footprints]),
            np.stack([one.low for one in footprints])[:, None],
            np.stack([one.high for one in footprints])[:, None],
        )

    @property
    def center(self) -> Points:
        """(2,) [m] its middle, in ground coordinates."""
        return np.asarray((self.low + self.high) / 2 @ self.axes)

    @property
    def size_m(self) -> float:
        """Its longer side."""
        return float((self.high - self.low).max())

    def depth_inside(self, ground: Points) -> Points:
        """How far (P,) places (P, 2) lie inside the rectangle [m]; outside, minus the distance to it.

        N rectangles give (N, P), for places (P, 2) or (N, P, 2).
        """
        place = ground @ np.swapaxes(self.axes, -1, -2)
        margin = np.minimum(place - self.low, self.high - place)  # (..., 2)
        across, along = margin[..., 0], margin[..., 1]
        outside = np.hypot(np.minimum(across, 0), np.minimum(along, 0))
        return np.where(outside > 0, -outside, np.minimum(across, along))


@dataclass(frozen=True)
class Body:
    """An object's seen points, horizontally (K, 2) from the camera and as heights (K,) above the floor [m].

    Attributes:
        bottom_m, top_m: how low and how high it is seen to reach.
        pixel_m: what a pixel covers at its distance.
        footprint: what it may cover of the ground.
        core: what it certainly covers: less, where other objects hide its sides.
        middles: (3, 2) where its middle may be: thrice the same place, unless its far side is out of sight.
    """

    ground: Points
    heights: Points
    bottom_m: float
    top_m: float
    pixel_m: float
    is_cube: bool
    footprint: Footprint
    core: Footprint
    middles: Points

    @property
    def foot(self) -> Points:
        """(2,) where its lowest points are."""
        lowest = self.heights <= quantiles(self.heights, (0.05,))[0]
        return np.asarray(self.ground[lowest].mean(axis=0))


def make_body(points: Points, floor: Floor, is_cube: bool, bottom_seen: float, pixel_rad: float) -> Body | None:
    """What the points (K, 3) [m] of an object's visible surface say about it; None if there are too few.

    Args:
        points: in the optical frame; rows with NaN are left out.
        floor: what heights count from.
        is_cube: the height then tells how far the object reaches where it is hidden.
        bottom_seen: which part of its lower end is in sight, 0..1.
        pixel_rad: angle that a pixel covers, 1 / focal length [px].
    """
    seen = points[np.isfinite(points).all(axis=-1)]
    if len(seen) < _MIN_POINTS:
        return None
    pixel_m = float(np.median(seen[:, 2])) * pixel_rad
    heights = floor.heights(seen)
    bottom, top = _reach(heights, pixel_m, floor.spread_m / max(-floor.offset_m, 1e-9))
    step = -(-len(seen) // _MOST_POINTS)
    ground, heights = floor.ground(seen[::step]), heights[::step]
    footprint = core = _bounding(ground)
    if is_cube and top > 0:
        raised = bottom_seen > 0.5 and bottom > _RAISED * top and footprint.size_m < _NARROW * top
        edge = top - bottom if raised and top - bottom > pixel_m else top  # lying flat it shows no edge to go by
        footprint, core = _square(ground, heights, edge, top)
    middles = _middles(footprint, top, -floor.offset_m, is_cube)
    return Body(ground, heights, bottom, top, pixel_m, is_cube, footprint, core, middles)


def _reach(heights: Points, pixel_m: float, scatter: float) -> tuple[float, float]:
    """How low and how high an object reaches. The rim of its mask is missing from the points: a pixel on each side.

    Not where the object ends with a level face, as a box seen from above does: many points then share its height.
    Exact depth shows the tip of a tilted object in few points; where depth scatters, few points tell nothing.
    """
    tail = _EXACT_TAIL + min(_TAIL_PER_SCATTER * max(0.0, scatter - _EXACT_SCATTER), _MOST_TAIL)
    shares = np.array((tail, tail + 8, 92 - tail, 100 - tail)) / 100
    lowest, low, high, highest = (float(value) for value in quantiles(heights, shares.tolist()))
    return lowest - min(pixel_m, low - lowest), highest + min(pixel_m, highest - high)


def _middles(footprint: Footprint, top_m: float, eye_m: float, is_cube: bool) -> Points:
    """Where the middle may be. What is as high as the eye hides its depth: that is anything up to its width."""
    center = footprint.center
    distance = float(np.linalg.norm(center))
    if is_cube or distance == 0 or eye_m - top_m > _LEVEL_VIEW * distance:
        return np.tile(center, (3, 1))
    return np.asarray(center + np.array([[0.0], [0.25], [0.5]]) * footprint.size_m * (center / distance))


def _bounding(ground: Points) -> Footprint:
    """The rectangle of least area around nearly all places (K, 2)."""
    low, high = quantiles(_AXES @ ground.T, (0.01, 0.99))  # (Y, 2) each
    sides = high - low
    best = int((sides.prod(axis=1) + 1e-6 * sides.sum(axis=1)).argmin())
    return Footprint(_AXES[best], low[best], high[best])


def _square(ground: Points, heights: Points, edge: float, top: float) -> tuple[Footprint, Footprint]:
    """The square of a cube's edge on whose near sides and under whose top the places lie: the best of some yaws.

    Where neither of two opposite sides is in sight and less than an edge is seen between them, the square may lie
    anywhere around what is seen: the first footprint holds all these squares, the second what they share.
    """
    turned = _AXES @ ground.T  # (Y, 2, K)
    away = np.where(turned.mean(axis=2, keepdims=True) < 0, -1.0, 1.0)  # axes lead away from the camera, at the origin
    turned *= away
    nearest = int(0.03 * len(heights))  # a low percentile instead of the minimum
    origin = np.partition(turned, nearest, axis=2)[:, :, [nearest]]  # (Y, 2, 1) the corner nearest to the camera
    place = (turned - origin) / edge
    at_side = heights < top - 0.15 * edge
    to_side = np.abs(place)
    outside = np.clip(np.abs(place - 0.5) - 0.5, 0, None)
    errors = np.where(at_side, np.minimum(to_side[:, 0], to_side[:, 1]), outside[:, 0] + outside[:, 1])  # sides, top
    best = int(errors.mean(axis=1).argmin())
    axes, low = _AXES[best] * away[best], origin[best, :, 0]
    in_sight = (at_side & (to_side[best] < 0.1)).mean(axis=1) > _AT_SIDE  # (2,)
    reach = np.clip(quantiles(place[best], (0.98,))[0], 0, 1) * edge
    slack = np.where(in_sight, 0, edge - reach)
    return Footprint(axes, low - slack, low + edge), Footprint(axes, low, low + edge - slack)


def quantiles(values: Points, shares: Sequence[float]) -> list[Points]:
    """np.quantile along the last axis; for small arrays several times as fast."""
    ordered = np.sort(values, axis=-1)
    found = []
    for share in shares:
        below, part = divmod(share * (values.shape[-1] - 1), 1)
        lower, upper = ordered[..., int(below)], ordered[..., min(int(below) + 1, values.shape[-1] - 1)]
        found.append(lower + part * (upper - lower))
    return found
