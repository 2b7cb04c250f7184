"""How badly each carrier fits each object: what geometry says about what lies on what, for all pairs at once.

An object at rest is carried by what lies under its middle and reaches up to its lower end. So every object that might
carry it, and the floor, is a hypothesis that predicts two things: how high the lower end is, and that the middle lies
over the carrier. How far the object is from that, in units of what depth errs, is the hypothesis's cost.

- Height: the carrier's top against the object's lower end. The depth of an object may be wrong along its rays, so the
  error is measured as a ratio of depths, and the object is moved along its rays to where its lower end meets the
  carrier before its place is judged. Where another object may hide the lower end, what is seen is only a bound.
- Place: the middle of the object's footprint against that of the carrier, which reaches on where it is not seen to end;
  and it must not lie inside anything that is higher than the carrier, nor may any other part of a level object.
- An object that lies on two things, as a plank from a cube's edge down to the floor or to another object, is carried by
  the one that bears more of its weight by the law of the lever (see `leaning`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.ragged_arrays import Values, quantiles
from unity_depth_perception.core.support_relations.leaning import LEAST_OVER, find_lean
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects
from unity_depth_perception.core.support_relations.overlaps import Overlaps, find_overlaps

_EXACT = 0.004  # relative error of an object's depth against the floor's, where depth is exact: half a pixel's slant
_PER_SCATTER = 3.0  # what is added to it per relative scatter of the floor's depth
_MOST_SHIFT = 3.0  # an object is moved along its rays by at most so many of these errors
_PLACE_TOLERANCE = 0.1  # of the middle against a footprint, in sizes of the smaller of the two
_MOST_COST = 8.0  # of a wrong height where the lower end is seen; beyond, all is equally impossible
_HIDDEN_COST = 1.0  # where it is hidden: standing lower than what is seen needs no other explanation
_WIDTH_TOLERANCE = 0.05  # of a cube's height against its width
_BLUR = 1.0  # what the place errs per relative error of the depth, in distances
_JAGGED = 0.05  # part of a lower border that an outline's pixels may show of what is beside it
_LEAST_OVER = 0.1  # part of an object's points over a carrier that tells how high it passes there


class Support:
    """The hypotheses about N bodies: row i, column k of a table is "body k carries body i"; column N is the floor.

    Attributes:
        cost: (N, N + 1) of height and place.
        leaning: (N, N) which bodies lie aslant over which: borders do not tell then which of two bears more.
    """

    def __init__(
        self,
        bodies: GroundedObjects,
        floor: GroundPlane,
        free: Values,
        touching: Values,
        grounded: Values,
        overhanging: Values,
    ) -> None:
        """
        Args:
            bodies: one or more.
            floor: what heights count from.
            free: (N,) part of each lower end that is in sight.
            touching: (N, N) part of it that borders another body, at the same depth.
            grounded: (N,) part of it that borders the background, at the same depth.
            overhanging: (N, N) part of it below which another body is seen that is farther.
        """
        self._bodies = bodies
        self._eye_m = max(-floor.offset_m, 1e-9)
        self._centers, self._size_m = bodies.footprints.centers, bodies.footprints.sizes_m
        below_eye_m = np.maximum(self._eye_m - bodies.bottom_m, 0.05 * self._eye_m)
        self._error = _EXACT + _PER_SCATTER * floor.spread_m / self._eye_m + bodies.pixel_m / below_eye_m
        self._tolerance_m = self._tolerances()
        overhangs = find_overlaps(bodies)
        self._overlap_m = self._overlaps(overhangs)
        ends_at, lever_m = self._lower_ends(overhangs)
        level = np.append(bodies.top_m, 0.0)
        seen = np.minimum(np.column_stack([free[:, None] + touching, free]), 1.0) * bodies.side_in_sight[:, None]
        seen[:, -1] *= 1 - grounded / (grounded + touching.sum(axis=1) + _JAGGED)  # it meets what is no object
        hidden_tops = (overhanging > _JAGGED) & ~(bodies.top_is_level | bodies.is_cube)  # a cube is as high as wide
        seen[:, :-1][hidden_tops] = 0.0  # nor is seen how high the carrier reaches
        shift = self._log_ratio(level, np.column_stack([ends_at, bodies.bottom_m]))
        self._middles = self._moved(shift, seen)
        self.cost = _height_cost(shift / self._error[:, None], seen)
        self.cost[:, :-1] += self._outside_m(((touching > 0) & ~bodies.is_cube) | hidden_tops) / self._tolerance_m
        self.cost += self._too_low(level, floor.spread_m)
        self.cost[:, -1] += lever_m / (_PLACE_TOLERANCE * self._size_m + 1e-9)
        self.leaning = self._aslant(overhangs, touching + overhanging)
        for (i, k), (foot, balance_m) in self._leans(overhangs).items():
            self.leaning[i, k] = True
            self.leaning[i, foot] |= foot >= 0
            balance = balance_m / (_PLACE_TOLERANCE * self._size_m[i])
            self.cost[i, [k, foot]] = max(-balance, 0.0), max(balance, 0.0)

    def buried(self, carriers: NDArray[np.int64]) -> Values:
        """Cost (N, C) of middles, or of level bodies, inside what is higher than the carrier, but not over the object.

        Args:
            carriers: (N, C) columns of `cost`: the hypotheses to look at.
        """
        bodies, (count, choices) = self._bodies, carriers.shape
        rows = np.arange(count)[:, None]
        middles = self._middles[rows, carriers].reshape(-1, 2)  # (N * C * M, 2)
        deep_m = bodies.cores.depth_inside(middles).reshape(count, count, choices, -1).min(axis=3)  # (in N, of N, C)
        deep_m = np.maximum(deep_m, self._overlap_m.T[:, :, None])
        level = np.append(bodies.top_m, 0.0)[carriers]
        top_m, half_m = bodies.top_m[:, None, None], ((bodies.bottom_m + bodies.top_m) / 2)[:, None]
        higher = (level + 2 * bodies.pixel_m[:, None] < top_m) & (top_m < half_m)
        others = np.arange(count)[:, None, None]
        relevant = higher & (others != rows) & (others != carriers)
        cost: Values = np.where(relevant, deep_m / self._tolerance_m.T[:, :, None], 0.0).max(axis=0)
        return np.maximum(cost, 0.0)

    def _overlaps(self, overhangs: Overlaps) -> Values:
        """(N, N) how far [m] points of the level body i that are above body k lie inside its footprint; else 0.

        So far would it stand inside of k, if it went on down beside it.
        """
        bodies, i, k = self._bodies, overhangs.upper, overhangs.lower
        above = bodies.top_is_level[i] & (bodies.bottom_m[i] > bodies.top_m[k] - 2 * bodies.pixel_m[i])
        i, k = i[above], k[above]
        inside_m = bodies.cores[k].depth_inside(bodies.ground[i])  # (P, K)
        table = np.zeros((len(bodies),) * 2)
        table[i, k] = np.nanmax(inside_m, axis=1, initial=0.0)
        return table

    def _tolerances(self) -> Values:
        """(N, N) how far [m] body i may be from body k and still lie on it."""
        blur_m = _BLUR * (self._error - _EXACT) * np.linalg.norm(self._centers, axis=1)
        smaller_m = np.minimum(self._size_m[:, None], self._size_m)
        return np.asarray(_PLACE_TOLERANCE * smaller_m + (blur_m + self._bodies.pixel_m + 1e-9)[:, None])

    def _lower_ends(self, overhangs: Overlaps) -> tuple[Values, Values]:
        """Height (N, N) at which body i ends if k carries it: where it passes over k, if that is nearer to k's top.

        Also the lever (N,) [m] at which its lowest points are, if it lies on a body that way.
        """
        bodies = self._bodies
        ends_at = np.repeat(bodies.bottom_m[:, None], len(bodies), axis=1)
        lever_m = np.zeros(len(bodies))
        crossing = overhangs.only(overhangs.share >= _LEAST_OVER)
        i, k = crossing.upper, crossing.lower
        heights = np.sort(np.where(crossing.over, bodies.heights[i], np.nan))
        passes_at = quantiles(heights, crossing.over.sum(axis=1), (0.03,))[0]
        nearer = np.abs(passes_at - bodies.top_m[k]) < np.abs(bodies.bottom_m[i] - bodies.top_m[k])
        i, k, passes_at = i[nearer], k[nearer], passes_at[nearer]
        ends_at[i, k] = passes_at
        lying = i[np.abs(self._log_ratio(bodies.top_m[k], passes_at)) < 2 * self._error[i]]
        lever_m[lying] = np.linalg.norm(self._centers[lying] - bodies.feet[lying], axis=1)
        return ends_at, lever_m

    def _aslant(self, overhangs: Overlaps, above: Values) -> NDArray[np.bool_]:
        """(N, N) what each body is over whose upper end is in sight and not level.

        On the floor alone it would rest on a face, and so be level: something else bears a part.

        Args:
            overhangs: which bodies are over which.
            above: (N, N) part of the lower end of each below which another body is seen: its upper end may be hidden.
        """
        bodies = self._bodies
        aslant = bodies.upper_face_in_sight(self._eye_m) & ~bodies.top_is_level & ~(above > 0).any(axis=0)
        over = overhangs.only(aslant[overhangs.upper] & (overhangs.share >= LEAST_OVER))
        table = np.zeros((len(bodies),) * 2, dtype=bool)
        table[over.upper, over.lower] = True
        return table

    def _leans(self, overhangs: Overlaps) -> dict[tuple[int, int], tuple[int, float]]:
        """Which body (i, k) lies aslant on which one's edge: what its foot is on (-1: the floor), the balance [m]."""
        bodies, slack_m = self._bodies, 2 * self._error * self._eye_m
        feet_on = self._under_feet(slack_m)
        overhangs = overhangs.only(
            (overhangs.share >= LEAST_OVER)
            & (overhangs.lower != feet_on[overhangs.upper])
            & (bodies.top_m[overhangs.lower] > bodies.bottom_m[overhangs.upper] + slack_m[overhangs.upper])
        )
        leans = {}
        for i in np.unique(overhangs.upper):
            own = overhangs.only(overhangs.upper == i)
            lean = find_lean(bodies, int(i), own.over, bodies.top_m[own.lower], float(slack_m[i]))
            if lean is not None:
                leans[int(i), int(own.lower[lean.on])] = int(feet_on[i]), lean.balance_m
        return leans

    def _under_feet(self, slack_m: Values) -> NDArray[np.int64]:
        """(N,) which body reaches up to the lowest points of each, under them; -1 where none does."""
        bodies = self._bodies
        misses_m = np.abs(bodies.bottom_m[:, None] - bodies.top_m)  # (of body, of what is under it)
        under = -bodies.pixel_m < bodies.footprints.depth_inside(bodies.feet).T
        misses_m[~under | (misses_m > slack_m[:, None]) | np.eye(len(bodies), dtype=bool)] = np.inf
        return np.where(np.isfinite(misses_m.min(axis=1)), misses_m.argmin(axis=1), -1)

    def _log_ratio(self, level_m: Values, height_m: Values) -> Values:
        """Log of the factor that moves a point at `height_m` along its ray from the eye to `level_m`."""
        least = 0.05 * self._eye_m  # near or above the eye's height depth tells little about height
        return np.asarray(np.log(np.maximum(self._eye_m - level_m, least) / np.maximum(self._eye_m - height_m, least)))

    def _moved(self, shift: Values, seen: Values) -> Values:
        """Places (N, N + 1, M, 2) where the middle of each body is, if each carrier carries it."""
        most = _MOST_SHIFT * self._error[:, None]
        factor = np.exp(np.clip(shift, -most, most) * seen)
        return np.asarray(self._bodies.middles[:, None] * factor[:, :, None, None])

    def _outside_m(self, hides: NDArray[np.bool_]) -> Values:
        """(N, N) how far [m] the middle of body i is from the footprint of body k; 0 inside.

        What an object `hides` (N, N) of its carrier may reach under it, where that is not seen to end.
        """
        bodies, count = self._bodies, len(self._bodies)
        of_carrier = self._middles[:, :-1].transpose(1, 0, 2, 3).reshape(count, -1, 2)  # (N, N * M, 2)
        under_m = np.where(hides, self._size_m[:, None] / 2, 0.0).T  # (of carrier, N)
        unseen_m = np.where(bodies.sides_seen[:, None], 0.0, under_m[:, :, None, None])  # (of carrier, N, 2, 2)
        unseen_m = np.repeat(unseen_m, of_carrier.shape[1] // count, axis=1)
        outside = bodies.footprints.outside_m(of_carrier, unseen_m)
        return np.asarray(outside.reshape(count, count, -1).min(axis=2).T)

    def _too_low(self, level_m: Values, spread_m: float) -> Values:
        """Cost (N, N + 1) of cubes that are seen to be wider than they would be high on each carrier."""
        bodies = self._bodies
        blur_m = _PER_SCATTER * spread_m / self._eye_m * np.linalg.norm(self._centers, axis=1)
        tolerance_m = _WIDTH_TOLERANCE * bodies.width_m + bodies.rim_m + blur_m + 1e-9
        wider_m = bodies.width_m[:, None] - (bodies.top_m[:, None] - level_m)
        errors = np.maximum(wider_m / tolerance_m[:, None] - 1, 0.0)
        return np.where((bodies.is_cube & bodies.top_is_level)[:, None], np.minimum(errors, _MOST_COST), 0.0)


def _height_cost(errors: Values, seen: Values) -> Values:
    """Of lower ends that must move by so many errors to meet their carriers.

    Where one reaches below the carrier's top, that is seen; if it is hidden, moving away is no surprise.
    """
    most = np.where(errors < 0, 2 * _MOST_COST, seen * _MOST_COST + (1 - seen) * _HIDDEN_COST)
    return np.asarray(np.minimum(np.abs(errors), most))
