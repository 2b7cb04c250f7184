"""How badly each carrier fits each object: what geometry says about what lies on what, for all pairs at once.

An object at rest is carried by what lies under its middle and reaches up to its lower end. So every object that might
carry it, and the floor, is a hypothesis that predicts two things: how high the lower end is, and that the middle lies
over the carrier. How far the object is from that, in units of what depth errs, is the hypothesis's cost.

- Height: the carrier's top against the object's lower end. The depth of an object may be wrong along its rays, so the
  error is measured as a ratio of depths, and the object is moved along its rays to where its lower end meets the
  carrier before its place is judged. Where another object may hide the lower end, what is seen is only a bound.
- Place: the middle of the object's footprint against that of the carrier; and it must not lie inside anything that is
  higher than the carrier.
- An object that lies on two things, as a plank from a cube's edge down to the floor, is carried by the one that is
  nearer to its middle: by the law of the lever that one bears more of its weight (see `leaning`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unity_depth_perception.core.floor import Floor
from unity_depth_perception.core.footprint import Body, Footprint, Points, quantiles
from unity_depth_perception.core.leaning import Lean, find_lean

_EXACT = 0.004  # relative error of an object's depth against the floor's, where depth is exact: half a pixel's slant
_PER_SCATTER = 3.0  # what is added to it per relative scatter of the floor's depth
_MOST_SHIFT = 3.0  # an object is moved along its rays by at most so many of these errors
_PLACE_TOLERANCE = 0.1  # of the middle against a footprint, in sizes of the smaller of the two
_MOST_COST = 8.0  # of a wrong height where the lower end is seen; beyond, all is equally impossible
_HIDDEN_COST = 1.0  # where it is hidden: standing lower than what is seen needs no other explanation
_BLUR = 1.0  # what the place errs per relative error of the depth, in distances
_LEAST_OVER = 0.1  # part of an object's points over a carrier that tells how high it passes there


class Support:
    """The hypotheses about N bodies: row i, column k of a table is "body k carries body i"; column N is the floor.

    Attributes:
        cost: (N, N + 1) of height and place.
        leaning: (N, N) which bodies lie aslant on which one's edge, their foot on the floor.
    """

    def __init__(self, bodies: Sequence[Body], floor: Floor, free: Points, touching: Points) -> None:
        """
        Args:
            bodies: one or more.
            floor: what heights count from.
            free: (N,) part of each lower end that is in sight.
            touching: (N, N) part of it that borders another body, at the same depth.
        """
        self._bodies = bodies
        self._eye_m = max(-floor.offset_m, 1e-9)
        self._bottom_m = np.array([body.bottom_m for body in bodies])
        self._top_m = np.array([body.top_m for body in bodies])
        self._pixel_m = np.array([body.pixel_m for body in bodies])
        self._size_m = np.array([body.footprint.size_m for body in bodies])
        self._footprints = Footprint.stack([body.footprint for body in bodies])
        below_eye_m = np.maximum(self._eye_m - self._bottom_m, 0.05 * self._eye_m)
        self._error = _EXACT + _PER_SCATTER * floor.spread_m / self._eye_m + self._pixel_m / below_eye_m
        self._tolerance_m = self._tolerances()
        ends_at, lever_m, leans = self._lower_ends()
        level = np.append(self._top_m, 0.0)
        seen = np.minimum(np.column_stack([free[:, None] + touching, free]), 1.0)
        shift = self._log_ratio(level, np.column_stack([ends_at, self._bottom_m]))
        self._middles = self._moved(shift, seen)
        self.cost = _height_cost(shift / self._error[:, None], seen)
        self.cost[:, :-1] += self._outside_m(touching) / self._tolerance_m
        self.cost[:, -1] += lever_m / (_PLACE_TOLERANCE * self._size_m + 1e-9)
        self.leaning = np.zeros((len(bodies),) * 2, dtype=bool)
        for i, lean in leans.items():
            self.leaning[i, lean.on] = True
            balance = lean.balance_m / (_PLACE_TOLERANCE * self._size_m[i])
            self.cost[i, [lean.on, -1]] = max(-balance, 0.0), max(balance, 0.0)

    def buried(self, carriers: Points) -> Points:
        """Cost (N, C) of middles inside something higher than the carrier, but not over the object.

        Args:
            carriers: (N, C) int columns of `cost`: the hypotheses to look at.
        """
        count, choices = carriers.shape
        rows = np.arange(count)[:, None]
        middles = self._middles[rows, carriers].reshape(-1, 2)  # (N * C * M, 2)
        cores = Footprint.stack([body.core for body in self._bodies])
        deep_m = cores.depth_inside(middles).reshape(count, count, choices, -1).min(axis=3)  # (in N, of N, C)
        level = np.append(self._top_m, 0.0)[carriers]
        top_m = self._top_m[:, None, None]
        higher = (level + 2 * self._pixel_m[:, None] < top_m) & (top_m < ((self._bottom_m + self._top_m) / 2)[:, None])
        others = np.arange(count)[:, None, None]
        relevant = higher & (others != rows) & (others != carriers)
        cost: Points = np.where(relevant, deep_m / self._tolerance_m.T[:, :, None], 0.0).max(axis=0)
        return np.maximum(cost, 0.0)

    def _tolerances(self) -> Points:
        """(N, N) how far [m] body i may be from body k and still lie on it."""
        centers = np.array([body.footprint.center for body in self._bodies])
        blur_m = _BLUR * (self._error - _EXACT) * np.linalg.norm(centers, axis=1)
        smaller_m = np.minimum(self._size_m[:, None], self._size_m)
        return np.asarray(_PLACE_TOLERANCE * smaller_m + (blur_m + self._pixel_m + 1e-9)[:, None])

    def _lower_ends(self) -> tuple[Points, Points, dict[int, Lean]]:
        """Height (N, N) at which body i ends if k carries it: where it passes over k, if that is nearer to k's top.

        Also the lever (N,) [m] at which its lowest points are, if it lies on a body that way, and which bodies lean.
        """
        ends_at = np.repeat(self._bottom_m[:, None], len(self._bodies), axis=1)
        lever_m = np.zeros(len(self._bodies))
        leans = {}
        for i, body in enumerate(self._bodies):
            over = self._footprints.depth_inside(body.ground) > 0  # (N, K)
            over[i] = False
            for k in (over.mean(axis=1) >= _LEAST_OVER).nonzero()[0]:
                passes_at = float(quantiles(body.heights[over[k]], (0.03,))[0])
                if abs(passes_at - self._top_m[k]) >= abs(self._bottom_m[i] - self._top_m[k]):
                    continue
                ends_at[i, k] = passes_at
                if abs(self._log_ratio(self._top_m[k], ends_at[i, k])) < 2 * self._error[i]:
                    lever_m[i] = max(lever_m[i], float(np.linalg.norm(body.footprint.center - body.foot)))
            slack_m = 2 * self._error[i] * self._eye_m
            if abs(self._bottom_m[i]) < slack_m and (lean := find_lean(body, over, self._top_m, slack_m)) is not None:
                leans[i] = lean
        return ends_at, lever_m, leans

    def _log_ratio(self, level_m: Points, height_m: Points) -> Points:
        """Log of the factor that moves a point at `height_m` along its ray from the eye to `level_m`."""
        least = 0.05 * self._eye_m  # near or above the eye's height depth tells little about height
        return np.asarray(np.log(np.maximum(self._eye_m - level_m, least) / np.maximum(self._eye_m - height_m, least)))

    def _moved(self, shift: Points, seen: Points) -> Points:
        """Places (N, N + 1, M, 2) where the middle of each body is, if each carrier carries it."""
        middles = np.stack([body.middles for body in self._bodies])  # (N, M, 2)
        most = _MOST_SHIFT * self._error[:, None]
        return np.asarray(middles[:, None] * np.exp(np.clip(shift, -most, most) * seen)[:, :, None, None])

    def _outside_m(self, touching: Points) -> Points:
        """(N, N) how far [m] the middle of body i is from the footprint of body k; 0 inside."""
        count = len(self._bodies)
        of_carrier = self._middles[:, :-1].transpose(1, 0, 2, 3).reshape(count, -1, 2)  # (N, N * M, 2)
        outside = -self._footprints.depth_inside(of_carrier).reshape(count, count, -1).max(axis=2).T
        # what an object hides of its carrier may reach under it
        hides = (touching > 0) & np.array([not body.is_cube for body in self._bodies])
        return np.asarray(np.maximum(outside - np.where(hides, self._size_m[:, None] / 2, 0.0), 0.0))


def _height_cost(errors: Points, seen: Points) -> Points:
    """Of lower ends that must move by so many errors to meet their carriers.

    Where one reaches below the carrier's top, that is seen; if it is hidden, moving away is no surprise.
    """
    most = np.where(errors < 0, 2 * _MOST_COST, seen * _MOST_COST + (1 - seen) * _HIDDEN_COST)
    return np.asarray(np.minimum(np.abs(errors), most))
