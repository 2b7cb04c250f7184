"""Objects of a scene that slide and turn on what they stand on, and carry along what stands on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.synthetic.object_placement import collide, yaw_matrix
from unity_depth_perception.synthetic.scene import Box

_MOST_ON_FLOOR, _MOST_LOADS = 2, 1
_TRIES = 4  # each with half the way of the one before
_CHECKS = 48  # positions of a period at which collisions are looked for


@dataclass(frozen=True)
class Mover:
    """A box that slides and turns about its own vertical axis, to and fro, `cycles` times in a round.

    Attributes:
        box: its index in the scene.
        slide_m: (2,) farthest displacement on the floor.
        turn_rad: largest turn.
    """

    box: int
    slide_m: NDArray[np.float64]
    turn_rad: float
    cycles: int = 1


def moved_boxes(boxes: Sequence[Box], movers: Sequence[Mover], time: float) -> tuple[Box, ...]:
    """Boxes at a share of the round's time; those that stand on a mover keep their place on it."""
    moved = list(boxes)
    for mover in movers:  # loads come after what carries them
        swing = math.sin(2 * math.pi * mover.cycles * time)
        turn, pivot = yaw_matrix(swing * mover.turn_rad), moved[mover.box].center_m
        shift = np.array([*(swing * mover.slide_m), 0.0])
        for index in _carried(boxes, mover.box):
            box = moved[index]
            center = pivot + turn @ (box.center_m - pivot) + shift
            moved[index] = replace(box, center_m=center, world_from_box=turn @ box.world_from_box)
    return tuple(moved)


def draw_movers(
    rng: np.random.Generator, boxes: Sequence[Box], clutter: Sequence[Box], edge_m: float
) -> tuple[Mover, ...]:
    """Draw up to two objects that slide on the floor and a load that turns on its carrier, colliding with nothing."""
    movers: list[Mover] = []
    order = rng.permutation(len(boxes)).tolist()
    on_floor = [index for index in order if boxes[index].parent is None]
    for most, candidates in ((_MOST_ON_FLOOR, on_floor), (_MOST_LOADS, [k for k in order if k not in on_floor])):
        wanted = len(movers) + most
        for index in candidates:
            if len(movers) < wanted and (mover := _draw_mover(rng, boxes, clutter, movers, index, edge_m)):
                movers.append(mover)
    return tuple(movers)


def _draw_mover(
    rng: np.random.Generator,
    boxes: Sequence[Box],
    clutter: Sequence[Box],
    movers: Sequence[Mover],
    index: int,
    edge_m: float,
) -> Mover | None:
    """Motion of one box that collides with nothing, or None if none was found."""
    turn_rad, cycles = rng.uniform(0.4, 1.2) * rng.choice([-1, 1]), int(rng.integers(1, 3))
    reach_m = rng.uniform(1.0, 2.5) * edge_m if boxes[index].parent is None else 0.0
    for attempt in range(_TRIES):
        angle = rng.uniform(0, 2 * math.pi)
        slide = reach_m * 0.5**attempt * np.array([math.cos(angle), math.sin(angle)])
        mover = Mover(index, slide, turn_rad * 0.7**attempt, cycles)
        if not _collides_ever(boxes, clutter, (*movers, mover)):
            return mover
    return None


def _collides_ever(boxes: Sequence[Box], clutter: Sequence[Box], movers: Sequence[Mover]) -> bool:
    own = _carried(boxes, movers[-1].box)
    others = [index for index in range(len(boxes)) if index not in own]
    for time in np.arange(_CHECKS) / _CHECKS:
        moved = moved_boxes(boxes, movers, float(time))
        solids = [moved[index] for index in others if index != boxes[movers[-1].box].parent] + list(clutter)
        if any(collide(moved[index], solid) for index in own for solid in solids):
            return True
    return False


def _carried(boxes: Sequence[Box], root: int) -> list[int]:
    """Indices of a box and of all that stands on it, directly or on top of each other; parents come first."""
    carried = [root]
    for index, box in enumerate(boxes):
        if box.parent in carried:
            carried.append(index)
    return carried
