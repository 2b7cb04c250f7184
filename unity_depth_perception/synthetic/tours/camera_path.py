"""Smooth closed camera paths around the objects of a room. Metres, world frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.pose import look_at_pose
from unity_depth_perception.synthetic.scene import Box

Vector = NDArray[np.float64]
Motion = Literal["orbit", "walk", "stop-and-go"]
MOTIONS: tuple[Motion, ...] = ("orbit", "walk", "stop-and-go")

_CONTROL_POINTS = 10
_TABLE = 2000  # points at which the length of a path is measured
_LEGS = 5  # stop and go: stops in a round
MOVING_SHARE = 0.6
"""Share of the time in which a camera that stops and goes is moving."""


@dataclass(frozen=True)
class CameraPath:
    """Uniform closed cubic B-splines of the camera's position and of the point that it looks at: both are C2.

    A point of such a curve is a weighted mean of four neighbouring control points. So a path whose control points lie
    in a convex room stays in it.

    Attributes:
        eyes, targets: (M, 3) control points of position and look-at point.
    """

    eyes: Vector
    targets: Vector

    @cached_property
    def length_m(self) -> float:
        """Length of the closed path."""
        return float(self._lengths[-1])

    def pose(self, share: float) -> Vector:
        """Pose `world_from_camera` (4, 4) at a share of the path's length; 0 and 1 are the same place."""
        knot = np.interp(share % 1 * self.length_m, self._lengths, self._knots)
        return look_at_pose(spline(self.eyes, knot), spline(self.targets, knot))

    @property
    def _knots(self) -> Vector:
        return np.linspace(0, len(self.eyes), _TABLE + 1)

    @cached_property
    def _lengths(self) -> Vector:
        """Length [m] of the path from its start to each knot of the table."""
        steps = np.linalg.norm(np.diff(spline(self.eyes, self._knots), axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])


def spline(control: Vector, knot: float | Vector) -> Vector:
    """Points (..., D) of the uniform closed cubic B-spline of `control` (M, D) at knots (...) in [0, M]."""
    first = np.floor(knot).astype(np.int64)
    f = np.asarray(knot - first)[..., None]
    weights = ((1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3)
    points = [control[(first + k - 1) % len(control)] * weight / 6 for k, weight in enumerate(weights)]
    return np.asarray(np.sum(points, axis=0), dtype=np.float64)


def progress(motion: Motion, time: float) -> float:
    """Share of the path that the camera has covered at a share of the round's time; both count rounds.

    `stop-and-go` covers a leg by a minimum-jerk profile (Flash and Hogan 1985), then stands still.
    """
    if motion != "stop-and-go":
        return time
    leg, part = divmod(time * _LEGS, 1)
    s = min(part / MOVING_SHARE, 1.0)
    return (leg + s**3 * (10 - 15 * s + 6 * s**2)) / _LEGS


def draw_path(
    rng: np.random.Generator,
    motion: Motion,
    boxes: Sequence[Box],
    distance_m: tuple[float, float],
    pitch_deg: tuple[float, float],
) -> CameraPath:
    """Draw a path once around the boxes, whose distance to what it looks at is about in the given range.

    `orbit` keeps its distance and looks at the middle; the others come nearer and go away, and look at one object
    after the other.
    """
    near, far = (math.log(value) for value in distance_m)
    middle = np.mean([box.center_m for box in boxes], axis=0)
    turn = 2 * np.pi * (np.arange(_CONTROL_POINTS) / _CONTROL_POINTS + rng.random()) * rng.choice([-1, 1])
    if motion == "orbit":
        distance = np.full(_CONTROL_POINTS, math.exp(rng.uniform(near, far)))
        pitch = np.radians(rng.uniform(*pitch_deg)) + 0.12 * np.sin(turn + rng.uniform(0, 2 * np.pi))
        targets = np.tile(middle, (_CONTROL_POINTS, 1))
    else:
        turn = turn + rng.uniform(-0.15, 0.15, _CONTROL_POINTS)
        distance = np.exp(_without_reversals(rng.uniform(near, far, _CONTROL_POINTS)))
        pitch = np.radians(_without_reversals(rng.uniform(*pitch_deg, _CONTROL_POINTS)))
        targets = np.stack([boxes[k].center_m for k in rng.integers(len(boxes), size=_CONTROL_POINTS)])
    back = np.stack([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), np.sin(pitch)], axis=1)
    return CameraPath(middle + distance[:, None] * back, targets)


def _without_reversals(values: Vector) -> Vector:
    """Mean of each value and the one before: from one control point to the next a camera does not turn back."""
    return (values + np.roll(values, 1)) / 2
