"""What carries each object: the floor or another object, from a few points per object, the floor, and who borders whom.

Two things tell, and err independently of each other: geometry, which gives every hypothesis a cost (see `support`), and
the masks: what is seen just below an object, in the image, is as a rule what carries it, whatever the depth. The vaguer
the depth, which the floor's scatter shows, the less the costs count, the more it takes to believe in what is rare, and
the more it counts which of two objects hides the other (see `silhouette`): what stands on another is not behind it.

The parent of an object is what carries it directly, be it a cube or a parallelepiped; None is the floor. "Belongs to a
cube" then means: the chain of parents leads to that cube.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.objects import shape_of
from unity_depth_perception.core.ragged_arrays import Values
from unity_depth_perception.core.support_relations.evidence import ContactEdges, ParentLink
from unity_depth_perception.core.support_relations.hypothesis_costs import Support
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects, place_on_ground
from unity_depth_perception.core.support_relations.occlusion_order import occlusion_order

_EXACT_ODDS, _VAGUE_ODDS = 1.0, 0.3  # log odds for each unit of cost, where depth is exact and where it is vague
_LEAST_COST, _MOST_MORE_COST = -10.0, 20.0  # beyond, costs tell nothing new
_BORDER_ODDS, _FLOOR_ODDS = 8.0, 3.0  # log odds of a carrier that is all that is seen below; of the floor if nothing is
_UNSEEN = 0.4  # what a border counts that something else hides: it tells nothing
_CARRIED_CUBE_ODDS = 2.0  # against a cube that does not stand on the floor, which is rare
_VAGUE_CUBE_ODDS, _VAGUE_OTHER_ODDS = 6.0, 5.0  # more against that, and against a carrier that is no cube, if vague
_VAGUE_LINK_ODDS = 1.0  # more against any carrier, if vague
_BEFORE_ODDS = 2.0  # for a carrier that the object hides a part of, if vague
_BEHIND_ODDS = 8.0  # against a carrier that hides a part of the object, if vague
_HIDDEN_PART = 0.02  # of what is seen of an object, from which on it is certain that it hides another
_VAGUE_SCATTER = 0.01  # of the floor's depth, in heights of the camera, from which on depth is vague
_MOST_CARRIERS = 6  # the likeliest carriers of each object, which are looked at closely


def find_parents(
    points: Sequence[Values],
    ends: Sequence[Values],
    categories: Sequence[str],
    floor: GroundPlane,
    borders: ContactEdges,
    focal_px: float,
) -> list[ParentLink | None]:
    """What carries each object; None for the floor.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
        ends: per object (K, 3) points [m] of its outline where it is seen to end and not hidden; so are theirs.
        categories: per object `<colour>_<shape>`.
        floor: the plane that the lowest objects stand on.
        borders: what is seen below the objects.
        focal_px: focal length of the image.

    Raises:
        InputError: the inputs are not of the same objects.
    """
    if not len(points) == len(ends) == len(categories) == len(borders.free):
        raise InputError(
            f"expected points, ends and borders for each of {len(categories)} objects, got {len(points)}, "
            f"{len(ends)} and {len(borders.free)}"
        )
    is_cube = np.array([shape_of(category) == "cube" for category in categories], dtype=bool)
    seen = borders.free + borders.touching.sum(axis=1)
    bodies = place_on_ground(points, ends, floor, is_cube, seen, 1 / focal_px)
    if not len(bodies):
        return [None] * len(points)
    before = occlusion_order([points[k] for k in bodies.numbers])
    links = _likeliest(bodies, borders.among(bodies.numbers), before, floor)
    _break_cycles(links)
    return [links.get(k) for k in range(len(points))]


def _likeliest(
    bodies: GroundedObjects, borders: ContactEdges, before: Values, floor: GroundPlane
) -> dict[int, ParentLink | None]:
    """The likeliest carrier of each object with a body. Column N of the tables of N bodies is the floor."""
    count = len(bodies)
    support = Support(bodies, floor, borders.free, borders.touching, borders.grounded, borders.overhanging)
    vague = min(1.0, floor.spread_m / max(-floor.offset_m, 1e-9) / _VAGUE_SCATTER)
    prior = _prior_odds(bodies, borders, before, -floor.offset_m, vague)
    prior[:, :-1][support.leaning] *= vague  # it borders both what bears more and what bears less
    likely = np.argsort(-_odds(prior, support.cost, vague)[:, :-1], axis=1, kind="stable")[:, :_MOST_CARRIERS]
    chosen = np.column_stack([likely, np.full(count, count)])
    cost = np.take_along_axis(support.cost, chosen, axis=1) + support.buried(chosen)
    odds = _odds(np.take_along_axis(prior, chosen, axis=1), cost, vague)
    weights = np.exp(odds - odds.max(axis=1, keepdims=True))
    best = weights.argmax(axis=1)
    numbers, rows = bodies.numbers.tolist(), np.arange(count)
    carriers, scores = chosen[rows, best].tolist(), (weights[rows, best] / weights.sum(axis=1)).tolist()
    return {
        number: None if carrier == count else ParentLink(numbers[carrier], score)
        for number, carrier, score in zip(numbers, carriers, scores, strict=True)
    }


def _prior_odds(
    bodies: GroundedObjects, borders: ContactEdges, before: Values, eye_m: float, vague: float
) -> NDArray[np.float64]:
    """Log odds (N, N + 1) of each carrier against the floor, by what masks show and by what is rare."""
    open_end = vague * borders.open + (1 - vague) * borders.grounded
    by_masks = np.where(bodies.side_in_sight, vague, 1.0)[:, None]  # else depth does not tell where the object ends
    beside = by_masks * borders.below + (1 - by_masks) * borders.touching
    hiding = (1 - by_masks) * borders.hiding * (bodies.top_m < eye_m)  # what is looked down on hides nothing on it
    seen = beside + _UNSEEN * np.maximum(0.0, 1 - beside - open_end[:, None] - hiding)
    is_cube = bodies.is_cube
    against_cube = np.where(is_cube, _CARRIED_CUBE_ODDS + vague * _VAGUE_CUBE_ODDS, 0.0)
    against_other = np.where(is_cube, 0.0, vague * _VAGUE_OTHER_ODDS)
    odds = np.zeros((len(bodies), len(bodies) + 1))
    odds[:, :-1] = _BORDER_ODDS * seen - _FLOOR_ODDS - against_cube[:, None] - against_other
    odds[:, :-1] += vague * _order_odds(before)
    np.fill_diagonal(odds, -np.inf)  # nothing carries itself
    return odds


def _order_odds(before: Values) -> Values:
    """Log odds (N, N) of each carrier by who hides whom: what stands on another is not behind it."""
    certain = np.clip(before / _HIDDEN_PART, -1, 1)
    return np.where(certain > 0, _BEFORE_ODDS, _BEHIND_ODDS) * certain - _VAGUE_LINK_ODDS


def _odds(prior: NDArray[np.float64], cost: NDArray[np.float64], vague: float) -> NDArray[np.float64]:
    """Log odds of hypotheses (N, C) of which the last is the floor: what geometry and masks say adds up."""
    per_cost = _EXACT_ODDS + vague * (_VAGUE_ODDS - _EXACT_ODDS)
    return np.asarray(prior - per_cost * np.clip(cost - cost[:, -1:], _LEAST_COST, _MOST_MORE_COST))


def _break_cycles(links: dict[int, ParentLink | None]) -> None:
    """Where objects seem to carry each other, the least sure link is dropped."""
    for start in list(links):
        path = [start]
        while (link := links.get(path[-1])) is not None and link.parent not in path:
            path.append(link.parent)
        if link is not None:
            circle = path[path.index(link.parent) :]
            links[min(circle, key=lambda k: links[k].score)] = None  # type: ignore[union-attr]
