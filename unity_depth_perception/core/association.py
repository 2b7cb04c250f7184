"""What carries each object: the floor or another object, from a few points per object, the floor, and who borders whom.

An object at rest is carried by what lies under its middle and reaches up to its lower end. So every object that might
carry it, and the floor, is a hypothesis that predicts two things: how high the lower end is, and that the middle lies
over the carrier. How far the object is from that, in units of what depth errs, is the hypothesis's cost.

- Height: the carrier's top against the object's lower end. The depth of an object may be wrong along its rays, so the
  error is measured as a ratio of depths, and the object is moved along its rays to where its lower end meets the
  carrier before its place is judged. Where another object may hide the lower end, what is seen is only a bound.
- Place: the middle of the object's footprint against that of the carrier; and it must not lie inside anything that is
  higher than the carrier.
- Border: where the depth is vague, what the masks say counts too: which object is seen just below this one.
- An object that lies on two things, as a plank from a cube's edge down to the floor, is carried by the one that is
  nearer to its middle: by the law of the lever that one bears more of its weight.

Beside these costs the masks alone tell something, whatever the depth: what is seen below an object, in the image, is
as a rule what carries it. The vaguer the depth, which the floor's scatter shows, the less the costs count, and the more
it takes to believe in what is rare.

The parent of an object is what carries it directly, be it a cube or a parallelepiped; None is the floor. "Belongs to a
cube" then means: the chain of parents leads to that cube.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.floor import Floor
from unity_depth_perception.core.footprint import Body, Points, make_body
from unity_depth_perception.core.objects import shape_of

_EXACT = 0.004  # relative error of an object's depth against the floor's, where depth is exact: half a pixel's slant
_PER_SCATTER = 3.0  # what is added to it per relative scatter of the floor's depth
_MOST_SHIFT = 3.0  # an object is moved along its rays by at most so many of these errors
_PLACE_TOLERANCE = 0.1  # of the middle against a footprint, in sizes of the smaller of the two
_MOST_COST = 8.0  # of a wrong height where the lower end is seen; beyond, all is equally impossible
_HIDDEN_COST = 1.0  # where it is hidden: standing lower than what is seen needs no other explanation
_BLUR = 1.0  # what the place errs per relative error of the depth, in distances
_EXACT_ODDS, _VAGUE_ODDS = 1.0, 0.3  # log odds for each unit of cost, where depth is exact and where it is vague
_LEAST_COST, _MOST_MORE_COST = -10.0, 20.0  # beyond, costs tell nothing new
_BORDER_ODDS, _FLOOR_ODDS = 8.0, 3.0  # log odds of a carrier that is all that is seen below; of the floor if nothing is
_UNSEEN = 0.4  # what a border counts that something else hides: it tells nothing
_CARRIED_CUBE_ODDS = 2.0  # against a cube that does not stand on the floor, which is rare
_VAGUE_CUBE_ODDS, _VAGUE_OTHER_ODDS = 6.0, 5.0  # more against that, and against a carrier that is no cube, if vague
_VAGUE_SCATTER = 0.01  # of the floor's depth, in heights of the camera, from which on depth is vague
_LEAST_OVER = 0.1  # part of an object's points over a carrier that tells how high it passes there


@dataclass(frozen=True)
class ParentLink:
    """What carries an object: the index of its parent, and how sure that is against all alternatives, 0..1."""

    parent: int
    score: float


@dataclass(frozen=True)
class LowerBorders:
    """What is seen just below each of N objects in the image, as parts of its lower border's length.

    Attributes:
        free: (N,) background, or an object farther away: the object really ends there.
        touching: (N, N) another object's surface, at the same depth: [a, b] = b below a.
        open: (N,) background.
        below: (N, N) another object, at whichever depth: what masks alone tell, where depth is vague.
    """

    free: NDArray[np.float64]
    touching: NDArray[np.float64]
    open: NDArray[np.float64]
    below: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.free)
        for name, shape in (
            ("free", (count,)),
            ("touching", (count,) * 2),
            ("open", (count,)),
            ("below", (count,) * 2),
        ):
            if getattr(self, name).shape != shape:
                raise InputError(f"expected borders {name} of shape {shape}, got {getattr(self, name).shape}")


@dataclass(frozen=True)
class _Hypothesis:
    """One carrier of an object: None is the floor."""

    carrier: int | None
    cost: float


def find_parents(
    points: Sequence[Points], categories: Sequence[str], floor: Floor, borders: LowerBorders, focal_px: float
) -> list[ParentLink | None]:
    """What carries each object; None for the floor.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
        categories: per object `<colour>_<shape>`.
        floor: the plane that the lowest objects stand on.
        borders: what is seen below the objects.
        focal_px: focal length of the image.

    Raises:
        InputError: the inputs are not of the same objects.
    """
    if not len(points) == len(categories) == len(borders.free):
        raise InputError(
            f"expected points and borders for each of {len(categories)} objects, got {len(points)} and "
            f"{len(borders.free)}"
        )
    seen = borders.free + borders.touching.sum(axis=1)
    bodies = {
        k: body
        for k, category in enumerate(categories)
        if (body := make_body(points[k], floor, shape_of(category) == "cube", float(seen[k]), 1 / focal_px)) is not None
    }
    links = {k: _best(k, _hypotheses(k, bodies, floor, borders), bodies, borders, _vagueness(floor)) for k in bodies}
    _open_circles(links)
    return [links.get(k) for k in range(len(points))]


def _vagueness(floor: Floor) -> float:
    """How little an object's depth tells about what it touches, 0..1."""
    return min(1.0, floor.spread_m / max(-floor.offset_m, 1e-9) / _VAGUE_SCATTER)


def _best(
    index: int, hypotheses: Sequence[_Hypothesis], bodies: dict[int, Body], borders: LowerBorders, vague: float
) -> ParentLink | None:
    """The likeliest carrier. Geometry and the masks' borders err independently of each other: their log odds add up."""
    carriers = {h.carrier: h.cost for h in hypotheses if h.carrier is not None}
    floor_cost = next(h.cost for h in hypotheses if h.carrier is None)
    per_cost = _EXACT_ODDS + vague * (_VAGUE_ODDS - _EXACT_ODDS)
    against_cube = (_CARRIED_CUBE_ODDS + vague * _VAGUE_CUBE_ODDS) if bodies[index].is_cube else 0.0
    against_other = vague * _VAGUE_OTHER_ODDS
    beside = vague * borders.below[index] + (1 - vague) * borders.touching[index]
    open_end = vague * float(borders.open[index]) + (1 - vague) * float(borders.free[index])
    odds = [0.0]  # of the floor
    for k, cost in carriers.items():
        seen = float(beside[k]) + _UNSEEN * max(0.0, 1 - float(beside[k]) - open_end)
        by_cost = per_cost * min(max(cost - floor_cost, _LEAST_COST), _MOST_MORE_COST)
        rare = against_cube + (0.0 if bodies[k].is_cube else against_other)
        odds.append(_BORDER_ODDS * seen - _FLOOR_ODDS - by_cost - rare)
    weights = np.exp(np.array(odds) - max(odds))
    best = int(weights.argmax())
    return None if best == 0 else ParentLink(list(carriers)[best - 1], float(weights[best] / weights.sum()))


def _hypotheses(index: int, bodies: dict[int, Body], floor: Floor, borders: LowerBorders) -> list[_Hypothesis]:
    body, others = bodies[index], {k: other for k, other in bodies.items() if k != index}
    eye_m = -floor.offset_m
    error = _error(body, floor)
    free = float(borders.free[index])
    lever_m = 0.0
    found = []
    for k, other in others.items():
        level = other.top_m
        touching = float(borders.touching[index, k])
        ends_at = body.bottom_m
        inside = other.footprint.depth_inside(body.ground) > 0
        if inside.mean() >= _LEAST_OVER:
            passes_at = float(np.percentile(body.heights[inside], 3))
            if abs(passes_at - level) < abs(ends_at - level):
                ends_at = passes_at
                if abs(_log_ratio(eye_m, level, passes_at)) < 2 * error:
                    lever_m = max(lever_m, float(np.linalg.norm(body.footprint.center - body.foot)))
        seen = min(free + touching, 1.0)
        shift = _log_ratio(eye_m, level, ends_at)
        middles = _moved(body, shift, error, seen)
        outside_m = -float(other.footprint.depth_inside(middles).max())
        if touching > 0 and not other.is_cube:  # what the object hides of its carrier may reach under it
            outside_m -= body.footprint.size_m / 2
        cost = _height_cost(shift, error, seen) + max(0.0, outside_m) / _tolerance_m(body, other, error)
        found.append(_Hypothesis(k, cost + _buried(body, middles, level, others, k, error)))
    shift = _log_ratio(eye_m, 0.0, body.bottom_m)
    middles = _moved(body, shift, error, free)
    cost = _height_cost(shift, error, free) + lever_m / (_PLACE_TOLERANCE * body.footprint.size_m + 1e-9)
    found.append(_Hypothesis(None, cost + _buried(body, middles, 0.0, others, None, error)))
    return found


def _error(body: Body, floor: Floor) -> float:
    """Relative error of the object's depth against the floor's, as far as it matters for heights."""
    eye_m = max(-floor.offset_m, 1e-9)
    below_eye_m = max(eye_m - body.bottom_m, 0.05 * eye_m)
    return _EXACT + _PER_SCATTER * floor.spread_m / eye_m + body.pixel_m / below_eye_m


def _log_ratio(eye_m: float, level_m: float, height_m: float) -> float:
    """Log of the factor that moves a point at `height_m` along its ray from the eye to `level_m`."""
    least = 0.05 * max(eye_m, 1e-9)  # near or above the eye's height depth tells little about height
    return math.log(max(eye_m - level_m, least) / max(eye_m - height_m, least))


def _moved(body: Body, shift: float, error: float, seen: float) -> Points:
    most = _MOST_SHIFT * error
    return body.middles * math.exp(min(max(shift, -most), most) * seen)


def _height_cost(shift: float, error: float, seen: float) -> float:
    """Of a lower end that must move by `shift` to meet its carrier; if it is hidden, moving away is no surprise."""
    cost = abs(shift) / error
    if shift < 0:  # it reaches below the carrier's top: that is seen
        return min(cost, 2 * _MOST_COST)
    return min(cost, seen * _MOST_COST + (1 - seen) * _HIDDEN_COST)


def _tolerance_m(body: Body, other: Body, error: float) -> float:
    blur_m = _BLUR * (error - _EXACT) * float(np.linalg.norm(body.footprint.center))
    return _PLACE_TOLERANCE * min(body.footprint.size_m, other.footprint.size_m) + blur_m + body.pixel_m + 1e-9


def _buried(
    body: Body, middles: Points, level_m: float, others: dict[int, Body], carrier: int | None, error: float
) -> float:
    """Cost of a middle that lies inside something that reaches higher than the carrier, but not over the object."""
    cost = 0.0
    for k, other in others.items():
        if k == carrier or not level_m + 2 * body.pixel_m < other.top_m < (body.bottom_m + body.top_m) / 2:
            continue
        cost = max(cost, float(other.core.depth_inside(middles).min()) / _tolerance_m(body, other, error))
    return cost


def _open_circles(links: dict[int, ParentLink | None]) -> None:
    """Where objects seem to carry each other, the least sure link is dropped."""
    for start in list(links):
        path = [start]
        while (link := links.get(path[-1])) is not None and link.parent not in path:
            path.append(link.parent)
        if link is not None:
            circle = path[path.index(link.parent) :]
            links[min(circle, key=lambda k: links[k].score)] = None  # type: ignore[union-attr]
