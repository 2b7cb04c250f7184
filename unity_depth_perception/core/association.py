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
_MIN_SCORE = 0.5
_YAWS = np.radians(np.arange(0.0, 90.0, 3.0))


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
    seen = [p[np.isfinite(p).all(axis=-1)] for p in points]
    cubes = {
        k: cube
        for k, p in enumerate(seen)
        if shape_of(categories[k]) == "cube" and (cube := _fit_cube(p, floor)) is not None
    }
    return [
        _best(p, cubes, floor) if shape_of(category) == "parallelepiped" and len(p) >= _MIN_POINTS else None
        for p, category in zip(seen, categories, strict=True)
    ]


def _best(points: Points, cubes: dict[int, _Cube], floor: Floor) -> ParentLink | None:
    links = [ParentLink(k, _contact(points, cube, floor)) for k, cube in cubes.items()]
    best = max(links, key=lambda link: link.score, default=None)
    return best if best is not None and best.score >= _MIN_SCORE else None


def _contact(points: Points, cube: _Cube, floor: Floor) -> float:
    """How well the object's points fit an object on the cube's top, 0..1."""
    place = np.median(cube.within(floor.ground(points)), axis=0)
    inside = float(np.minimum(place, 1 - place).min())  # 0.5 in the middle, 0 at the border, negative outside
    below = (
        1 - float(np.percentile(floor.heights(points), 5)) / cube.edge_m
    )  # how far it reaches below the top, in edges
    over = np.clip(0.5 + inside / 0.2, 0, 1)
    standing = np.clip(1.5 - below / 0.4, 0, 1) * np.clip(2.0 + below / 2.0, 0, 1)
    return float(over * standing)


def _fit_cube(points: Points, floor: Floor) -> _Cube | None:
    if len(points) < _MIN_POINTS:
        return None
    heights, ground = floor.heights(points), floor.ground(points)
    edge = float(np.percentile(heights, 95))
    if edge <= 0:
        return None
    fits = [_fit_square(heights, ground, edge, float(yaw)) for yaw in _YAWS]
    return min(fits, key=lambda fit: fit[0])[1]


def _fit_square(heights: Points, ground: Points, edge: float, yaw: float) -> tuple[float, _Cube]:
    """The cube of this yaw and how badly it fits: mean distance of the points from its visible surface, in edges."""
    axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    turned = ground @ axes.T
    away = np.where(np.median(turned, axis=0) < 0, -1.0, 1.0)  # both axes lead away from the camera, at the origin
    axes, turned = axes * away[:, None], turned * away
    origin = np.percentile(turned, 3, axis=0)
    cube = _Cube(axes, origin, edge)
    place = cube.within(ground)
    side = heights < 0.85 * edge
    to_side = np.abs(place).min(axis=1)
    outside = np.clip(np.abs(place - 0.5) - 0.5, 0, None).sum(axis=1)
    return float(np.where(side, to_side, outside).mean()), cube
