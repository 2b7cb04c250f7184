"""Which cube a parallelepiped stands on, decided by 3D contact: from a few points per object, and the floor.

A cube stands on the floor, so the height of its top is its edge, and its footprint is a square of that edge. The sides
that the camera sees fix where the square lies, even where its top is covered or its back is hidden. A parallelepiped is
an upright prism, so whatever is seen of it lies over its own footprint. It stands on a cube if it is seen over the
cube's square and does not reach below the cube's top. All tolerances are parts of the cube's own edge.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class ParentLink:
    """What an object stands on: the index of its parent, and how sure that is, 0..1."""

    parent: int
    score: float


@dataclass(frozen=True)
class _Cube:
    """An upright cube on the floor: `origin` is the footprint's corner in the axes (2, 2) turned by its yaw."""

    axes: Points
    origin: Points
    edge_m: float

    def within(self, ground: Points) -> Points:
        """Horizontal coordinates (..., 2) as parts of the edge: 0..1 over the footprint."""
        return (ground @ self.axes.T - self.origin) / self.edge_m


def find_parents(points: Sequence[Points], categories: Sequence[str], floor: Floor) -> list[ParentLink | None]:
    """The cube that each parallelepiped stands on; None for cubes and for what stands on the floor.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
        categories: per object `<colour>_<shape>`.
        floor: the plane that the cubes stand on.
    """
    if len(points) != len(categories):
        raise InputError(f"expected points for each of {len(categories)} objects, got {len(points)}")
    seen = [_thinned(p) for p in points]
    cubes = {
        k: cube
        for k, p in enumerate(seen)
        if shape_of(categories[k]) == "cube" and (cube := _fit_cube(p, floor)) is not None
    }
    return [
        _best(p, cubes, floor) if shape_of(category) == "parallelepiped" and len(p) >= _MIN_POINTS else None
        for p, category in zip(seen, categories, strict=True)
    ]


def _thinned(points: Points) -> Points:
    seen = points[np.isfinite(points).all(axis=-1)]
    return seen[:: max(1, -(-len(seen) // _MOST_POINTS))]


def _best(points: Points, cubes: dict[int, _Cube], floor: Floor) -> ParentLink | None:
    links = [ParentLink(k, _contact(points, cube, floor)) for k, cube in cubes.items()]
    best = max(links, key=lambda link: link.score, default=None)
    return best if best is not None and best.score >= _MIN_SCORE else None


def _contact(points: Points, cube: _Cube, floor: Floor) -> float:
    """How well the object's points fit an object on the cube's top, 0..1."""
    place = cube.within(floor.ground(points))  # (K, 2)
    heights = floor.heights(points)
    low, middle = np.percentile(heights, (5, 50))
    bottom = low - (middle - low) / 9  # the rim is missing from the points: where heights spread evenly they start here
    below = 1 - float(bottom) / cube.edge_m  # how far it reaches below the top, in edges
    near = -0.6 if below > -0.25 else -0.05
    over = float(((place > near) & (place < 0.97)).all(axis=1).mean())
    standing = np.clip(1.5 - below / 0.5, 0, 1)
    return float(np.clip(over / 0.6, 0, 1) * standing)


def _fit_cube(points: Points, floor: Floor) -> _Cube | None:
    """The cube whose visible sides and top the points lie on: the best of some yaws."""
    if len(points) < _MIN_POINTS:
        return None
    heights = floor.heights(points)
    edge = float(np.percentile(heights, 95))
    if edge <= 0:
        return None
    turned = floor.ground(points) @ _AXES.transpose(0, 2, 1)  # (Y, K, 2)
    away = np.where(turned.mean(axis=1, keepdims=True) < 0, -1.0, 1.0)  # axes lead away from the camera, at the origin
    turned = turned * away
    origin = np.sort(turned, axis=1)[:, [int(0.03 * len(points))]]  # (Y, 1, 2) a low percentile: the nearest corner
    place = (turned - origin) / edge
    side = heights < 0.85 * edge
    to_side = np.abs(place).min(axis=2)
    outside = np.clip(np.abs(place - 0.5) - 0.5, 0, None).sum(axis=2)
    best = int(np.where(side, to_side, outside).mean(axis=1).argmin())
    return _Cube(_AXES[best] * away[best].T, origin[best, 0], edge)
