"""Objects in ground coordinates: heights of their lower and upper ends, and their footprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.ragged_arrays import Counts, Values, packed, quantiles, thinned
from unity_depth_perception.core.support_relations.config import SupportConfig
from unity_depth_perception.core.support_relations.footprints import Footprints, RotatedPoints


@dataclass(frozen=True)
class GroundedObjects:
    """N objects with enough visible points, in ground coordinates: horizontally from the camera, heights above it [m].

    Attributes:
        indices: (N,) their indices among all objects.
        counts: (N,) number of their points.
        ground, heights: (N, K, 2) and (N, K) coordinates of their points, padded with NaN.
        bottom_m, top_m: (N,) heights of their lowest and highest visible points.
        pixel_m: (N,) size of a pixel at their distance.
        is_cube: (N,) bool.
        footprints: ground that each may cover, hidden parts of cubes included.
    """

    indices: NDArray[np.int64]
    counts: Counts
    ground: Values
    heights: Values
    bottom_m: Values
    top_m: Values
    pixel_m: Values
    is_cube: NDArray[np.bool_]
    footprints: Footprints

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def side_visible(self) -> NDArray[np.bool_]:
        """(N,) whether a side of each object is visible; if only the upper face is, its lower end is hidden."""
        return np.asarray(self.top_m - self.bottom_m > 2 * self.pixel_m)


def place_on_ground(
    points: Sequence[Values], floor: GroundPlane, is_cube: NDArray[np.bool_], pixel_rad: float, config: SupportConfig
) -> GroundedObjects:
    """Measure those of M objects that have enough visible points.

    Args:
        points: per object (K, 3) [m] of its visible surface in the optical frame; rows with NaN are left out.
        floor: the plane that heights count from.
        is_cube: (M,) bool; the height of a cube gives the size of its footprint, hidden part included.
        pixel_rad: angle that a pixel covers, 1 / focal length [px].
    """
    visible, counts = packed(points)
    indices = np.flatnonzero(counts >= config.min_points)
    visible, counts, is_cube = visible[indices], counts[indices], is_cube[indices]
    pixel_m = quantiles(np.sort(visible[..., 2]), counts, (0.5,))[0] * pixel_rad
    bottom_m, top_m = _extent(floor.heights(visible), counts, pixel_m, floor.relative_noise, config)
    visible, counts = thinned(visible, counts, config.max_points)
    ground, heights = floor.ground(visible), floor.heights(visible)
    rotated = RotatedPoints(ground, counts)
    footprints = rotated.bounding_rectangles()
    cubes = np.flatnonzero(is_cube & (top_m > 0))
    if len(cubes):
        edges_m = top_m[cubes]
        below_top = heights[cubes] < 0.85 * edges_m[:, None]
        footprints = footprints.replaced(cubes, rotated.cube_squares(cubes, below_top, edges_m))
    return GroundedObjects(indices, counts, ground, heights, bottom_m, top_m, pixel_m, is_cube, footprints)


def _extent(
    heights: Values, counts: Counts, pixel_m: Values, noise: float, config: SupportConfig
) -> tuple[Values, Values]:
    """Heights (N,) of the lower and the upper end of each object, from those of its points (N, K).

    The points leave out the mask's rim, so a pixel is added at each end, except where the object ends in a level face
    such as the top of a box seen from above: many points then have its height.
    """
    tail = config.tail + min(config.tail_per_noise * max(0.0, noise - config.exact_noise), config.noise_tail)
    fractions = (tail, tail + config.end, 1 - config.end - tail, 1 - tail)
    lowest, low, high, highest = quantiles(np.sort(heights), counts, fractions)
    return lowest - np.minimum(pixel_m, low - lowest), highest + np.minimum(pixel_m, highest - high)
