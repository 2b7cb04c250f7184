"""Which cube a parallelepiped stands on, decided by 3D contact: from a few points per object, and the floor.

A cube stands on the floor, so the height of its top is its edge, and its footprint is a square of that edge. The sides
that the camera sees fix where the square lies, even where its top is covered or its back is hidden. An object stands on
the cube if it does not reach below the cube's top and if it touches that top. Two things tell where it touches, and
each fails where the other holds:

- its visible surface lies over the square: true even if its lower end is hidden, but needs its own depth to be right;
- the lowest rays to it pass through the square: true even if its depth is wrong, but needs its lower end to be seen.

All tolerances are parts of the cube's own edge, and grow with the scatter of the depth, which the floor shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.floor import Floor
from unity_depth_perception.core.objects import shape_of

Points = NDArray[np.float64]

_MIN_POINTS = 4
_MOST_POINTS = 192  # per object: more cost time and decide nothing
_MIN_SCORE = 0.5
_YAWS = np.radians(np.arange(0.0, 90.0, 5.0))
_AXES = np.stack([[np.cos(_YAWS), np.sin(_YAWS)], [-np.sin(_YAWS), np.cos(_YAWS)]]).transpose(2, 0, 1)  # (Y, 2, 2)

# In edges of the cube:
_REACH_BELOW = 0.4  # a bottom that seems this far below the top is as likely on the floor as on the cube
_REACH_SOFTNESS = 0.3
_FLOATING = 0.35  # a lower end this far above the top is hidden: what is seen must lie over the square itself
_FLOATING_OVERHANG = 0.05
_OVERHANG = 0.3  # how far a surface may hang over towards the camera
_BACK = 0.93  # beyond this part of the square an object no longer stands on it, but behind it
_TOLERANCE = 0.3  # distance from the square that makes a link 1/e as likely, with exact depth
_TOLERANCE_PER_SPREAD = 20.0  # what is added to it per scatter of the floor's depth


@dataclass(frozen=True)
class ParentLink:
    """What an object stands on: the index of its parent, and how sure that is, 0..1."""

    parent: int
    score: float


@dataclass(frozen=True)
class _Surface:
    """An object's seen points: horizontal coordinates (K, 2) from the camera, heights (K,) above the floor [m]."""

    ground: Points
    heights: Points

    @property
    def bottom_m(self) -> float:
        """Lowest height seen. The rim of the mask is missing, so it is extrapolated from the lowest 5 %."""
        low, middle = np.percentile(self.heights, (5, 50))
        return float(low - (middle - low) / 9)

    def crossings(self, eye_m: float, level_m: float) -> Points:
        """Where the rays to the points cross the height `level_m`: (K, 2); far away where they never do."""
        drop = np.maximum(eye_m - self.heights, 1e-6)
        return np.asarray(self.ground * (max(eye_m - level_m, 0.0) / drop)[:, None])


@dataclass(frozen=True)
class _Cube:
    """An upright cube on the floor: `origin` is the footprint's corner in the axes (2, 2) turned by its yaw."""

    axes: Points
    origin: Points
    edge_m: float

    def within(self, ground: Points) -> Points:
        """Horizontal coordinates (..., 2) as parts of the edge: 0..1 over the footprint."""
        return np.asarray((ground @ self.axes.T - self.origin) / self.edge_m)


def find_parents(points: Sequence[Points], categories: Sequence[str], floor: Floor) -> list[ParentLink | None]:
    """The cube that each parallelepiped stands on; None for cubes and for what stands on the floor.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
        categories: per object `<colour>_<shape>`.
        floor: the plane that the cubes stand on.
    """
    if len(points) != len(categories):
        raise InputError(f"expected points for each of {len(categories)} objects, got {len(points)}")
    surfaces = [_surface(p, floor) for p in points]
    shapes = [shape_of(category) for category in categories]
    cubes = {
        k: cube
        for k, (surface, shape) in enumerate(zip(surfaces, shapes, strict=True))
        if shape == "cube" and surface is not None and (cube := _fit_cube(surface)) is not None
    }
    return [
        _best(surface, cubes, floor) if shape == "parallelepiped" and surface is not None else None
        for surface, shape in zip(surfaces, shapes, strict=True)
    ]


def _surface(points: Points, floor: Floor) -> _Surface | None:
    seen = points[np.isfinite(points).all(axis=-1)]
    if len(seen) < _MIN_POINTS:
        return None
    seen = seen[:: -(-len(seen) // _MOST_POINTS)]
    return _Surface(floor.ground(seen), floor.heights(seen))


def _best(surface: _Surface, cubes: dict[int, _Cube], floor: Floor) -> ParentLink | None:
    links = [ParentLink(k, _contact(surface, cube, floor)) for k, cube in cubes.items()]
    best = max(links, key=lambda link: link.score, default=None)
    return best if best is not None and best.score >= _MIN_SCORE else None


def _contact(surface: _Surface, cube: _Cube, floor: Floor) -> float:
    """How well the object fits one on the cube's top, 0..1."""
    below = 1 - surface.bottom_m / cube.edge_m
    standing = min(max(0.5 + (_REACH_BELOW - below) / _REACH_SOFTNESS, 0.0), 1.0)
    if standing == 0:
        return 0.0
    place = cube.within(surface.ground)
    if below < -_FLOATING:
        distance = float(_outside(place, _FLOATING_OVERHANG).mean())
    else:
        by_surface = float(np.median(_outside(place)))
        crossings = cube.within(surface.crossings(-floor.offset_m, cube.edge_m))
        lower_end = np.argsort(crossings.max(axis=1))[: max(3, len(crossings) // 8)]  # the nearest to the camera
        by_sight = float(np.median(_outside(crossings[lower_end])))
        distance = min(by_surface, by_sight) + 0.15 * (by_surface + by_sight)
    tolerance = _TOLERANCE + _TOLERANCE_PER_SPREAD * floor.spread_m / cube.edge_m
    return standing * math.exp(-distance / tolerance)


def _outside(place: Points, overhang: float = _OVERHANG) -> Points:
    """How far (...) places (..., A), in edges, lie outside the square: less in front of it than behind it."""
    return np.asarray(np.maximum(-overhang - place, place - _BACK).clip(0, None).max(axis=-1))


def _fit_cube(surface: _Surface) -> _Cube | None:
    """The cube whose visible sides and top the points lie on: the best of some yaws."""
    heights = surface.heights
    edge = float(np.percentile(heights, 95))
    if edge <= 0:
        return None
    turned = surface.ground @ _AXES.transpose(0, 2, 1)  # (Y, K, 2)
    away = np.where(turned.mean(axis=1, keepdims=True) < 0, -1.0, 1.0)  # axes lead away from the camera, at the origin
    turned = turned * away
    nearest = int(0.03 * len(heights))  # a low percentile instead of the minimum
    origin = np.partition(turned, nearest, axis=1)[:, [nearest]]  # (Y, 1, 2) the corner nearest to the camera
    place = (turned - origin) / edge
    to_side = np.abs(place).min(axis=2)
    outside = np.clip(np.abs(place - 0.5) - 0.5, 0, None).sum(axis=2)
    errors = np.where(heights < 0.85 * edge, to_side, outside).mean(axis=1)  # sides, top
    best = int(errors.argmin())
    return _Cube(_AXES[best] * away[best].T, origin[best, 0], edge)
