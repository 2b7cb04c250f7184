"""Objects as the support relation needs them: how low and how high they reach, and the rectangles that they cover."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.ragged_arrays import Counts, Values, packed, quantiles, thinned
from unity_depth_perception.core.support_relations.footprints import AT_END, Footprints, TurnedPlaces

_MIN_POINTS = 4
_MOST_POINTS = 192  # per object: more cost time and decide nothing
_EXACT_SCATTER = 0.004  # of a floor whose depth was rendered or measured well, in heights of the camera
_EXACT_TAIL, _TAIL_PER_SCATTER, _MOST_TAIL = 0.003, 3.0, 0.047  # part of an object's points beyond its ends
_END = 0.08  # part of an object's points that show whether it ends with a level face
_LEVEL_PIXELS = 0.25  # what heights of a level face differ by, in pixels and, beside these, in scatters of the floor
_LEVEL_SCATTER = 3.0
_LEVEL_VIEW = 0.1  # slope of a sight line under which the top of an object is too narrow to tell its depth
_RAISED, _NARROW = 0.35, 0.8  # a cube that ends above this part of its height and is narrower stands on something


@dataclass(frozen=True)
class GroundedObjects:
    """N objects with enough seen points: horizontally from the camera and as heights above the floor [m].

    Attributes:
        numbers: (N,) which of all objects they are.
        counts: (N,) how many points each has.
        ground: (N, K, 2) the points, NaN behind the last; and so `heights` (N, K).
        bottom_m, top_m: (N,) how low and how high each is seen to reach.
        top_is_level: (N,) whether each is seen to end with a level face: then nothing hides its upper end.
        width_m: (N,) how wide each is seen to be.
        pixel_m: (N,) what a pixel covers at its distance.
        rim_m: (N,) what a pixel covers of the height of an upright side: the more, the steeper it is looked down on.
        is_cube: (N,)
        footprints: what each may cover of the ground.
        cores: what each certainly covers: less, where other objects hide its sides.
        sides_seen: (N, 2, 2) whether each footprint's low and high side along its axes are seen to be its ends.
        middles: (N, 3, 2) where its middle may be: thrice the same place, unless its far side is out of sight.
    """

    numbers: NDArray[np.int64]
    counts: Counts
    ground: Values
    heights: Values
    bottom_m: Values
    top_m: Values
    top_is_level: NDArray[np.bool_]
    width_m: Values
    pixel_m: Values
    rim_m: Values
    is_cube: NDArray[np.bool_]
    footprints: Footprints
    cores: Footprints
    sides_seen: NDArray[np.bool_]
    middles: Values

    def __len__(self) -> int:
        return len(self.numbers)

    @functools.cached_property
    def side_in_sight(self) -> NDArray[np.bool_]:
        """(N,) whether more of each is in sight than its upper face: only then can its lower end be."""
        return np.asarray(self.top_m - self.bottom_m > 2 * self.rim_m)

    def upper_face_in_sight(self, eye_m: float) -> NDArray[np.bool_]:
        """(N,) whether the eye, at this height, sees enough of the upper face of each, were it level, to tell so."""
        slope = (eye_m - self.top_m) / np.maximum(np.linalg.norm(self.footprints.centers, axis=1), 1e-9)
        depth_m = (self.footprints.high - self.footprints.low).min(axis=1)
        return np.asarray((slope > _LEVEL_VIEW) & (slope * depth_m > 2 * _END * (self.top_m - self.bottom_m)))

    @functools.cached_property
    def feet(self) -> Values:
        """(N, 2) where the lowest points of each are."""
        lowest = self.heights <= quantiles(np.sort(self.heights), self.counts, (0.05,))[0][:, None]
        return np.asarray(np.where(lowest[..., None], self.ground, 0).sum(axis=1) / lowest.sum(axis=1)[:, None])


def place_on_ground(
    points: Sequence[Values],
    ends: Sequence[Values],
    floor: GroundPlane,
    is_cube: NDArray[np.bool_],
    bottom_seen: Values,
    pixel_rad: float,
) -> GroundedObjects:
    """What the seen points of M objects say about those of them that have enough.

    Args:
        points: per object (K, 3) [m] of its visible surface in the optical frame; rows with NaN are left out.
        ends: per object (K, 3) [m] where it is seen to end.
        floor: what heights count from.
        is_cube: (M,) the height then tells how far the object reaches where it is hidden.
        bottom_seen: (M,) which part of its lower end is in sight, 0..1.
        pixel_rad: angle that a pixel covers, 1 / focal length [px].
    """
    seen, counts = packed(points)
    numbers = np.flatnonzero(counts >= _MIN_POINTS)
    seen, counts, is_cube, bottom_seen = seen[numbers], counts[numbers], is_cube[numbers], bottom_seen[numbers]
    pixel_m = quantiles(np.sort(seen[..., 2]), counts, (0.5,))[0] * pixel_rad
    eye_m = max(-floor.offset_m, 1e-9)
    bottom, top, level = _reach(floor.heights(seen), counts, pixel_m, floor.spread_m / eye_m, eye_m)
    seen, counts = thinned(seen, counts, _MOST_POINTS)
    ground, heights = floor.ground(seen), floor.heights(seen)
    places = TurnedPlaces(ground, counts)
    ended = floor.ground(packed([ends[k] for k in numbers])[0])
    footprints = cores = places.bounding()
    width_m = footprints.sizes_m
    rim_m = _rim(pixel_m, np.linalg.norm(footprints.centers, axis=1), -floor.offset_m - (bottom + top) / 2)
    cubes = np.flatnonzero(is_cube & (top > 0))
    if len(cubes):
        raised = (bottom_seen > 0.5) & (bottom > _RAISED * top) & (footprints.sizes_m < _NARROW * top)
        # lying flat it shows no edge to go by
        edges = np.where(raised & (top - bottom > pixel_m), top - bottom, top)[cubes]
        at_side = heights[cubes] < (top[cubes] - 0.15 * edges)[:, None]
        squares, shared = places.squares(cubes, at_side, edges, ended[cubes])
        footprints, cores = footprints.replaced(cubes, squares), footprints.replaced(cubes, shared)
    sides_seen = footprints.sides_seen(ended, AT_END * (footprints.high - footprints.low))
    middles = _middles(footprints, top, -floor.offset_m, is_cube)
    return GroundedObjects(
        numbers, counts, ground, heights, bottom, top, level, width_m, pixel_m, rim_m, is_cube,
        footprints, cores, sides_seen, middles,
    )  # fmt: skip


def _reach(
    heights: Values, counts: Counts, pixel_m: Values, scatter: float, eye_m: float
) -> tuple[Values, Values, NDArray[np.bool_]]:
    """How low and how high objects reach. The rim of a mask is missing from the points: a pixel on each side.

    Not where the object ends with a level face, as a box seen from above does: many points then share its height.
    Exact depth shows the tip of a tilted object in few points; where depth scatters, few points tell nothing.
    """
    tail = _EXACT_TAIL + min(_TAIL_PER_SCATTER * max(0.0, scatter - _EXACT_SCATTER), _MOST_TAIL)
    shares = (tail, tail + _END, 1 - _END - tail, 1 - tail)
    lowest, low, high, highest = quantiles(np.sort(heights), counts, shares)
    level = highest - high < _LEVEL_PIXELS * pixel_m + _LEVEL_SCATTER * scatter * eye_m
    bottom, top = lowest - np.minimum(pixel_m, low - lowest), highest + np.minimum(pixel_m, highest - high)
    return bottom, top, level


def _rim(pixel_m: Values, away_m: Values, below_eye_m: Values) -> Values:
    """What pixels cover of upright sides that are so far away and so far below the eye."""
    return np.asarray(pixel_m * np.hypot(away_m, below_eye_m) / np.maximum(away_m, 1e-9))


def _middles(footprints: Footprints, top_m: Values, eye_m: float, is_cube: NDArray[np.bool_]) -> Values:
    """Where middles may be. What is as high as the eye hides its depth: that is anything up to its width."""
    centers = footprints.centers
    distance = np.linalg.norm(centers, axis=1)
    known = is_cube | (distance == 0) | (eye_m - top_m > _LEVEL_VIEW * distance)
    farther = np.where(known, 0, footprints.sizes_m / np.where(distance == 0, 1, distance))
    return np.asarray(centers[:, None] * (1 + np.array([[0.0], [0.25], [0.5]]) * farther[:, None, None]))
