"""Which bodies have points over which other bodies: what may lie on what, or over its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Overlaps:
    """P pairs of bodies.

    Attributes:
        upper, lower: (P,) body `upper` has points over the footprint of body `lower`, be they higher or not.
        over: (P, K) which of the upper one's points these are.
        share: (P,) which part of them.
    """

    upper: Pairs
    lower: Pairs
    over: NDArray[np.bool_]
    share: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> Overlaps:
        """Some of the pairs."""
        return Overlaps(self.upper[chosen], self.lower[chosen], self.over[chosen], self.share[chosen])


def find_overlaps(bodies: GroundedObjects) -> Overlaps:
    """All pairs with a point of one over the other."""
    upper, lower = _neighbours(bodies)
    over = bodies.footprints[lower].depth_inside(bodies.ground[upper]) > 0
    found = Overlaps(upper, lower, over, over.sum(axis=1) / bodies.counts[upper])
    return found.only(found.share > 0)


def _neighbours(bodies: GroundedObjects) -> tuple[Pairs, Pairs]:
    """Pairs that are near enough to each other: the others need not be looked at point by point."""
    centers, footprints = bodies.footprints.centers, bodies.footprints
    reach_m = np.nanmax(np.hypot(*(bodies.ground - centers[:, None]).T), axis=0)
    half_m = np.hypot(*(footprints.high - footprints.low).T) / 2
    distance_m = np.hypot(*(centers[:, None] - centers).T).T
    near = distance_m < reach_m[:, None] + half_m
    np.fill_diagonal(near, False)
    upper, lower = near.nonzero()
    return upper, lower
