"""Random placement, sizes and colours of the objects and clutter of a scene."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.synthetic.scene import COLOURS, Box, Form
from unity_depth_perception.synthetic.variety import Variety

HUE_DEG = {
    "red": (-7, 7),
    "orange": (22, 33),
    "yellow": (50, 60),
    "green": (98, 142),
    "blue": (205, 236),
    "purple": (270, 298),
}
_GAP_M = 0.003  # between neighbours, so that only supported objects touch

Vector = NDArray[np.float64]


def place_boxes(rng: np.random.Generator, edge_m: float, variety: Variety) -> tuple[Box, ...]:
    """Draw cubes of one edge, parallelepipeds on some of them and others on the floor, none colliding."""
    spread_m = rng.uniform(1.5, 4.5) * edge_m
    boxes: list[Box] = []
    for _ in range(rng.choice(4, p=[0.25, 0.35, 0.25, 0.15]) + 1):
        _try_add(rng, boxes, "cube", np.full(3, edge_m), rng.normal(0, spread_m / 1.5, 2), None, variety)
    for parent in range(len(boxes)):
        for chance in (0.6, 0.15):
            if rng.random() < chance:
                offset = rng.uniform(-0.38, 0.38, 2) * edge_m
                _try_add(
                    rng,
                    boxes,
                    "parallelepiped",
                    _carried_size(rng, edge_m, variety.min_elongation),
                    boxes[parent].center_m[:2] + offset,
                    parent,
                    variety,
                )
    for _ in range(rng.choice(4, p=[0.3, 0.35, 0.25, 0.1])):
        size = _floor_size(rng, edge_m, variety.min_elongation)
        _try_add(rng, boxes, "parallelepiped", size, rng.normal(0, spread_m / 1.3, 2), None, variety)
    return tuple(boxes)


def place_clutter(rng: np.random.Generator, boxes: Sequence[Box], edge_m: float, variety: Variety) -> tuple[Box, ...]:
    """Draw up to `variety.max_clutter` ellipsoids and cylinders of any colour on the floor, beside the boxes."""
    if not variety.max_clutter:
        return ()
    placed = list(boxes)
    for _ in range(rng.integers(variety.max_clutter + 1)):
        form = Form(int(rng.integers(Form.ELLIPSOID, Form.CYLINDER + 1)))
        color = linear_rgb(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 1.0), rng.uniform(0.3, 1.0)))
        width, height = edge_m * np.exp(rng.uniform(math.log(0.3), math.log(2.5), 2))
        size = np.array([width, width * rng.uniform(0.7, 1.0), height])
        xy = rng.normal(0, 4 * edge_m, 2)
        thing = Box(np.array([*xy, height / 2]), size, yaw_matrix(rng.uniform(0, math.pi)), color, "", form=form)
        if not any(collide(thing, other) for other in placed):
            placed.append(thing)
    return tuple(placed[len(boxes) :])


def _carried_size(rng: np.random.Generator, edge_m: float, elongation: float) -> Vector:
    while True:
        size = edge_m * np.array([*rng.uniform(0.28, 1.0, 2), rng.uniform(0.28, 1.9)])
        if rng.random() < 0.12:  # a plank that hangs over
            size[0] = edge_m * rng.uniform(1.1, 1.6)
        if size.max() >= elongation * size.min():
            return size


def _floor_size(rng: np.random.Generator, edge_m: float, elongation: float) -> Vector:
    while True:
        size = edge_m * np.exp(rng.uniform(math.log(0.3), math.log(2.4), 3))
        if size.max() >= elongation * size.min():
            return np.asarray(size, dtype=np.float64)


def _try_add(
    rng: np.random.Generator,
    boxes: list[Box],
    shape: str,
    size: Vector,
    xy: Vector,
    parent: int | None,
    variety: Variety,
) -> None:
    """Add the box at or near `xy` where it collides with nothing; give up after some attempts."""
    colour = COLOURS[rng.integers(len(COLOURS))]
    if variety.same_colour_probability and boxes and rng.random() < variety.same_colour_probability:
        colour = boxes[-1 if parent is None else parent].category.partition("_")[0]
    base = 0.0 if parent is None else float(boxes[parent].center_m[2] + boxes[parent].size_m[2] / 2)
    for attempt in range(12):
        shift = rng.normal(0, 0.02 + 0.02 * attempt, 2) if parent is None and attempt else np.zeros(2)
        center = np.array([*(xy + shift), base + size[2] / 2])
        box = Box(
            center,
            size,
            yaw_matrix(rng.uniform(0, 2 * math.pi)),
            _object_color(rng, colour),
            f"{colour}_{shape}",
            parent,
        )
        if not any(collide(box, other) for index, other in enumerate(boxes) if index != parent):
            boxes.append(box)
            return


def collide(a: Box, b: Box) -> bool:
    """Whether two boxes, turned about the vertical only, overlap or come nearer than a gap of 3 mm side by side."""
    if abs(a.center_m[2] - b.center_m[2]) >= (a.size_m[2] + b.size_m[2]) / 2 - 1e-9:
        return False
    delta = (b.center_m - a.center_m)[:2]
    for axis in (*a.world_from_box[:2, :2].T, *b.world_from_box[:2, :2].T):  # separating axes of two rectangles
        reach = sum(np.abs(axis @ box.world_from_box[:2, :2]) @ box.size_m[:2] / 2 for box in (a, b))
        if abs(axis @ delta) >= reach + _GAP_M:
            return False
    return True


def _object_color(rng: np.random.Generator, colour: str) -> Vector:
    hue = rng.uniform(*HUE_DEG[colour]) / 360 % 1
    return linear_rgb(colorsys.hsv_to_rgb(hue, rng.uniform(0.68, 1.0), rng.uniform(0.6, 1.0)))


def linear_rgb(srgb: tuple[float, float, float]) -> Vector:
    return np.asarray(srgb, dtype=np.float64) ** 2.2


def yaw_matrix(yaw_rad: float) -> Vector:
    """Rotation (3, 3) about the vertical."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
