"""GroundedObjects that lie aslant, with a foot and farther up on another body's edge: whether the edge bears more.

An edge pushes at right angles to the face that lies on it. By the law of the lever it then bears the part
M / D cos^2(slope) of the weight, M being the horizontal distance from the foot to the middle of the body and D that
from the foot to the edge: the steeper a plank leans, the more of it its foot bears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ragged_arrays import Values
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects

LEAST_OVER = 0.02  # part of a body's points over what it leans on: it may protrude little over the edge
_SLANT = 0.8  # correlation of the height of a body's points with the distance from its foot: an upright body has none
_EDGE = 0.03  # quantile of the distances of what lies over a body: where its edge is


@dataclass(frozen=True)
class Lean:
    """A body on an edge.

    Attributes:
        on: whose edge it is, of those that the body has points over.
        balance_m: lever of what the edge bears more than the foot; below 0 the foot bears more.
    """

    on: int
    balance_m: float


def find_lean(
    bodies: GroundedObjects, body: int, over: NDArray[np.bool_], tops_m: Values, slack_m: float
) -> Lean | None:
    """What a body leans on; None if it stands upright, or lies on nothing.

    A body at rest that is aslant needs a second support: of what its points are over, that which they are least above.

    Args:
        bodies: all.
        body: the one that may lean.
        over: (M, K) which of its points are over each of M others: at least `LEAST_OVER` of them.
        tops_m: (M,) how high these reach.
        slack_m: by how much a body's points may be below the top that they lie on.
    """
    seen = slice(bodies.counts[body])
    ground, heights, over = bodies.ground[body, seen], bodies.heights[body, seen], over[:, seen]
    way = bodies.footprints.centers[body] - bodies.feet[body]
    middle_m = float(np.linalg.norm(way))
    if middle_m == 0:
        return None
    along_m = (ground - bodies.feet[body]) @ way / middle_m
    if not _correlation(along_m, heights) >= _SLANT:
        return None
    level_part = 1 / (1 + (heights.std() / along_m.std()) ** 2)  # cos^2 of the slope
    near = {}
    for k, (points, top_m) in enumerate(zip(over, tops_m, strict=True)):
        above_m = heights[points] - top_m
        if above_m.min() >= -slack_m and above_m.max() > slack_m:  # else it ends at that body's side
            near[k] = float(above_m.min())
    if not near:
        return None
    carrier = min(near, key=lambda k: near[k])
    edge_m = float(np.quantile(along_m[over[carrier]], _EDGE))
    return Lean(carrier, middle_m * level_part - edge_m / 2) if edge_m > 0 else None


def _correlation(a: Values, b: Values) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
