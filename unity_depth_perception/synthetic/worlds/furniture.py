"""Random furniture: tables, blocks, shelves and stairs, with objects on one or two of their levels."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.synthetic.object_placement import collide, linear_rgb, place_boxes, yaw_matrix
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, PLAIN_PAINT, Box, Paint, Pattern
from unity_depth_perception.synthetic.variety import Variety

Vector = NDArray[np.float64]

_SECOND_LEVEL = 0.5  # probability of objects on another level too


@dataclass(frozen=True)
class Top:
    """A level surface (2,) x (2,) in the frame of the furniture: centre and size [m], and its height z."""

    center_m: Vector
    size_m: Vector
    height_m: float


@dataclass(frozen=True)
class Furniture:
    """Pieces in the world, and levels that things stand on: the first, at z = 0, is for the first objects.

    Attributes:
        pieces: boxes without a category.
        tops: levels, in the frame of the furniture.
        yaw_rad: turn of that frame about the vertical through the world's origin.
        floor_m: height of the floor below, < 0.
    """

    pieces: tuple[Box, ...]
    tops: tuple[Top, ...]
    yaw_rad: float
    floor_m: float

    @property
    def levels_m(self) -> tuple[float, ...]:
        """Heights of all levels, the floor last."""
        return (*dict.fromkeys(top.height_m for top in self.tops), self.floor_m)

    def carries(self, box: Box, top: Top) -> bool:
        """Whether the whole base of a box lies on a top."""
        axes = yaw_matrix(self.yaw_rad)[:2, :2]
        turn = axes.T @ box.world_from_box[:2, :2]
        reach = np.abs(turn) @ box.size_m[:2] / 2
        return bool((np.abs(axes.T @ box.center_m[:2] - top.center_m) + reach <= top.size_m / 2).all())


def random_furniture(rng: np.random.Generator) -> Furniture:
    """Draw a table, a solid block, a shelf or stairs."""
    kind = rng.choice(4, p=[0.42, 0.24, 0.16, 0.18])
    draw = (_table, _block, _shelf, _stairs)[kind]
    pieces, tops, floor_m = draw(rng)
    yaw = float(rng.uniform(0, 2 * math.pi))
    color, paint = _finish(rng)
    shade = rng.uniform(0.75, 1.0, len(pieces)) if rng.random() < 0.5 else np.ones(len(pieces))
    turn = yaw_matrix(yaw)
    boxes = (
        Box(turn @ center, size, turn, color * value, "", paint=paint)
        for (center, size), value in zip(pieces, shade, strict=True)
    )
    return Furniture(tuple(boxes), tuple(tops), yaw, floor_m)


def place_on(rng: np.random.Generator, furniture: Furniture, variety: Variety) -> tuple[Box, ...]:
    """Draw objects on the first level and at times on another one; none hangs over an edge of its level."""
    first, *others = furniture.tops
    boxes = _standing(furniture, first, place_boxes(rng, CUBE_EDGE_M, variety))
    if others and rng.random() < _SECOND_LEVEL:
        top = others[rng.integers(len(others))]
        middle = yaw_matrix(furniture.yaw_rad) @ np.array([*top.center_m, top.height_m])
        more = [replace(box, center_m=box.center_m + middle) for box in place_boxes(rng, CUBE_EDGE_M, variety)]
        more = [
            replace(box, parent=None if box.parent is None else box.parent + len(boxes))
            for box in _standing(furniture, top, more)
        ]
        if not any(collide(one, other) for one in more for other in boxes):
            boxes = (*boxes, *more)
    return boxes


def _standing(furniture: Furniture, top: Top, boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes that a top carries with all of their base, and those on them; a parent comes before its children."""
    number: dict[int, int] = {}
    kept: list[Box] = []
    for index, box in enumerate(boxes):
        if furniture.carries(box, top) if box.parent is None else box.parent in number:
            number[index] = len(kept)
            kept.append(box if box.parent is None else replace(box, parent=number[box.parent]))
    return tuple(kept)


Pieces = list[tuple[Vector, Vector]]


def _offset(rng: np.random.Generator, size: Vector) -> Vector:
    """Place of a top's centre, so that the objects around the world's origin lie somewhere on it."""
    return np.asarray(rng.uniform(-0.3, 0.3, 2) * size, dtype=np.float64)


def _table(rng: np.random.Generator) -> tuple[Pieces, list[Top], float]:
    size = np.array([rng.uniform(0.45, 1.7), rng.uniform(0.35, 0.95)])
    center, height = _offset(rng, size), float(rng.uniform(0.3, 1.05))
    thickness, leg = rng.uniform(0.015, 0.06), rng.uniform(0.025, 0.09)
    pieces = [(np.array([*center, -thickness / 2]), np.array([*size, thickness]))]
    inset = rng.uniform(0, 0.08) + leg / 2
    length = height - thickness
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        foot = center + np.array([x, y]) * (size / 2 - inset)
        pieces.append((np.array([*foot, -thickness - length / 2]), np.array([leg, leg, length])))
    return pieces, [Top(center, size, 0.0)], -height


def _block(rng: np.random.Generator) -> tuple[Pieces, list[Top], float]:
    size, height = rng.uniform(0.3, 1.5, 2), math.exp(rng.uniform(math.log(0.06), math.log(1.0)))
    center = _offset(rng, size)
    return [(np.array([*center, -height / 2]), np.array([*size, height]))], [Top(center, size, 0.0)], -height


def _shelf(rng: np.random.Generator) -> tuple[Pieces, list[Top], float]:
    """Boards between two sides, with a back at times; the first level may be a board below the top."""
    size = np.array([rng.uniform(0.6, 1.5), rng.uniform(0.28, 0.5)])
    boards, gap, thickness = int(rng.integers(2, 5)), float(rng.uniform(0.26, 0.42)), rng.uniform(0.015, 0.035)
    first = int(rng.integers(boards)) if rng.random() < 0.4 else boards - 1  # the board that is the level z = 0
    center, lowest = _offset(rng, size), -first * gap
    heights = [lowest + k * gap for k in range(boards)]
    pieces = [(np.array([*center, z - thickness / 2]), np.array([*size, thickness])) for z in heights]
    floor_m, top_m = lowest - float(rng.uniform(0.05, 0.35)), heights[-1]
    tall = top_m - floor_m
    for side in (-1, 1):
        x = center[0] + side * (size[0] + thickness) / 2
        pieces.append((np.array([x, center[1], floor_m + tall / 2]), np.array([thickness, size[1], tall])))
    if rng.random() < 0.6:
        y = center[1] + (size[1] + thickness) / 2
        pieces.append((np.array([center[0], y, floor_m + tall / 2]), np.array([size[0], thickness, tall])))
    others = sorted((z for z in heights if z != heights[first]), reverse=True)
    return pieces, [Top(center, size, z) for z in (heights[first], *others)], floor_m


def _stairs(rng: np.random.Generator) -> tuple[Pieces, list[Top], float]:
    """Solid steps that rise along y; the first level is any of them."""
    steps, width = int(rng.integers(2, 5)), float(rng.uniform(0.5, 1.6))
    depth, rise = float(rng.uniform(0.28, 0.7)), float(rng.uniform(0.05, 0.28))
    first = int(rng.integers(steps))
    size = np.array([width, depth])
    center, floor_m = _offset(rng, size), -(first + 1) * rise
    pieces, tops = [], []
    for step in range(steps):
        height = (step + 1) * rise
        middle = center + np.array([0.0, (step - first) * depth])
        pieces.append((np.array([*middle, floor_m + height / 2]), np.array([*size, height])))
        tops.append(Top(middle, size, (step - first) * rise))
    return pieces, [tops[first], *tops[:first], *tops[first + 1 :]], floor_m


def _finish(rng: np.random.Generator) -> tuple[Vector, Paint]:
    """Draw colour and pattern: wood, white or grey, or muted colours."""
    look = rng.choice(3, p=[0.5, 0.3, 0.2])
    hue, saturation, value = rng.random(), rng.uniform(0, 0.06), rng.uniform(0.3, 0.97)
    if look == 0:
        hue, saturation, value = rng.uniform(0.04, 0.1), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.8)
    elif look == 2:
        saturation = rng.uniform(0.1, 0.5)
    color = linear_rgb(colorsys.hsv_to_rgb(hue, saturation, value))
    if rng.random() < 0.4:
        return color, PLAIN_PAINT
    pattern = Pattern.WOOD if look == 0 else Pattern(int(rng.choice([Pattern.NOISE, Pattern.MARBLE, Pattern.WOOD])))
    return color, Paint(pattern, float(rng.uniform(0.1, 0.5)), math.exp(rng.uniform(math.log(0.04), math.log(0.3))))
