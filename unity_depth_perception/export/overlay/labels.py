"""Labels of objects: short names on plates that cover neither objects nor each other, with leader lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.text import DARK, LIGHT, Colour, Picture, Rect, draw_text, text_size

_SHORT_SHAPES = {"parallelepiped": "block"}
_LONGEST_NAME = 22  # characters
_CELLS = 160  # of the placement grid along the image's shorter side
_ON_OBJECT, _ON_LABEL, _ON_LEADER = 50.0, 2000.0, 6.0  # cost per covered cell; distance costs 1 per cell


@dataclass(frozen=True)
class Label:
    """Text of one object's label.

    Attributes:
        chip: short text on the object's colour: its id.
        text: name and distance.
        colour: of the object.
        ground: of the plate.
    """

    chip: str
    text: str
    colour: Colour
    ground: Colour = DARK

    def size(self, px: int) -> tuple[int, int]:
        """(width, height) [px] of the plate for text of height `px`."""
        width, height = text_size(self.text, px)
        return self.chip_width(px) + width + 2 * _pad(px), height + _pad(px)

    def chip_width(self, px: int) -> int:
        """Width [px] of the coloured part."""
        return text_size(self.chip, px)[0] + 2 * _pad(px)


def short_name(category: str) -> str:
    """Category as people read it: `green_parallelepiped` is "green block"; long names are cut."""
    name = " ".join(_SHORT_SHAPES.get(word, word) for word in category.split("_") if word) or category
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def label_text(item: ObjectDistance, note: str = "") -> str:
    """Short name, distance [m] (the median, else the centre's, else none) and a note."""
    distance_m = item.distance.median if math.isfinite(item.distance.median) else item.distance.center
    parts = [short_name(item.category), f"{distance_m:.2f} m" if math.isfinite(distance_m) else "", note]
    return "  ".join(part for part in parts if part)


def place_labels(sizes: Sequence[tuple[int, int]], targets: Sequence[Rect], occupied: NDArray[np.bool_]) -> list[Rect]:
    """Place each label near its target: inside the image, off objects, other labels and their leader lines.

    Greedy, from top to bottom: each label takes the cheapest place of a grid over the whole image, where covering
    costs far more than distance. A label covers something only where the image has no free place of its size.

    Args:
        sizes: (width, height) [px] of each label.
        targets: bounding rectangle of the object of each label.
        occupied: (H, W) pixels that should stay visible.
    """
    height, width = occupied.shape
    cell = max(round(min(height, width) / _CELLS), 1)
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), dtype=np.uint8)
    padded[:height, :width] = occupied
    covered = padded.reshape(rows, cell, columns, cell).max(axis=(1, 3))
    margin = np.ones((3, 3), dtype=np.uint8)  # cells: contours are drawn outside the masks too
    cost = _ON_OBJECT * cv2.dilate(covered, margin).astype(np.float32)
    placed: dict[int, Rect] = {}
    for index in sorted(range(len(sizes)), key=lambda k: targets[k].y_min):
        box = _cheapest(cost, sizes[index], targets[index], cell).moved_inside(width, height)
        placed[index] = box
        start, end = nearest_points(box, targets[index])
        line = [(x // cell, y // cell) for x, y in (start, end)]
        path = cv2.line(np.zeros_like(cost), line[0], line[1], _ON_LEADER)
        cost += path
        above, before = max(box.y_min // cell - 1, 0), max(box.x_min // cell - 1, 0)
        cost[above : -(-box.y_max // cell) + 1, before : -(-box.x_max // cell) + 1] += _ON_LABEL
    return [placed[index] for index in range(len(sizes))]


def _cheapest(cost: NDArray[np.float32], size: tuple[int, int], target: Rect, cell: int) -> Rect:
    """The place [px] of a label of `size` [px] on the grid with the least cost of covering and distance."""
    wide, high = (min(-(-side // cell), limit) for side, limit in zip(size, cost.shape[::-1], strict=True))
    sums = cv2.integral(cost, sdepth=cv2.CV_64F)
    covering = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    x, y = np.arange(covering.shape[1]), np.arange(covering.shape[0])[:, None]
    left, top, right, bottom = (side / cell for side in target)
    gap = 2.0  # cells, so that the plate does not touch the contour
    dx = np.maximum(np.maximum(left - gap - (x + wide), x - gap - right), 0)
    dy = np.maximum(np.maximum(top - gap - (y + high), y - gap - bottom), 0)
    close = (dx == 0) & (dy == 0)  # over the target's own rectangle, even where its mask has a hole
    off_centre = abs(x + wide / 2 - (left + right) / 2) + abs(y + high / 2 - (top + bottom) / 2)
    total = covering + np.hypot(dx, dy) + 0.1 * off_centre + 8.0 * close + 1.0 * (y > top)
    row, column = np.unravel_index(int(np.argmin(total)), total.shape)
    x_min, y_min = int(column) * cell, int(row) * cell
    return Rect(x_min, y_min, x_min + size[0], y_min + size[1])


def nearest_points(box: Rect, target: Rect) -> tuple[tuple[int, int], tuple[int, int]]:
    """Ends (x, y) of the shortest line from a label's border to its target's centre line or border."""
    x = min(max((target.x_min + target.x_max) // 2, box.x_min), box.x_max - 1)
    y = min(max((target.y_min + target.y_max) // 2, box.y_min), box.y_max - 1)
    return (x, y), (min(max(x, target.x_min), target.x_max - 1), min(max(y, target.y_min), target.y_max - 1))


def draw_leader(picture: Picture, box: Rect, outline: NDArray[np.int32], colour: Colour, line: int) -> None:
    """Draw the line from a label to the nearest point of its object, unless they are side by side.

    Args:
        outline: (N, 2) points (x, y) of the object's contour.
    """
    border = np.stack(
        [np.clip(outline[:, 0], box.x_min, box.x_max - 1), np.clip(outline[:, 1], box.y_min, box.y_max - 1)], axis=1
    )
    gaps = np.hypot(*(border - outline).T)
    nearest = int(np.argmin(gaps))
    start, end = (tuple(int(v) for v in points[nearest]) for points in (border, outline))
    if gaps[nearest] < 3 * line:
        return
    for shade, extra in ((DARK, 2), (colour, 0)):
        cv2.line(picture, start, end, shade, line + extra, cv2.LINE_AA)
        cv2.circle(picture, end, line + 1 + extra // 2, shade, cv2.FILLED, cv2.LINE_AA)


def draw_label(picture: Picture, box: Rect, label: Label, px: int) -> None:
    """Draw a label's plate, chip and text at `box`, in place; what reaches beyond the picture is cut off."""
    plate = np.empty((box.y_max - box.y_min, box.x_max - box.x_min, 3), dtype=np.uint8)
    plate[:] = label.ground
    chip = label.chip_width(px)
    plate[:, :chip] = label.colour
    pad = _pad(px)
    draw_text(plate, [(label.text, chip + pad, pad // 2)], px)
    draw_text(plate[:, :chip], [(label.chip, pad, pad // 2)], px, _readable_on(label.colour))
    shown = picture[box.y_min : box.y_max, box.x_min : box.x_max]
    shown[:] = plate[: shown.shape[0], : shown.shape[1]]


def _pad(px: int) -> int:
    return max(px // 3, 2)


def _readable_on(colour: Colour) -> Colour:
    """Black or white text, by the relative luminance of WCAG 2.1."""
    red, green, blue = ((channel / 255) ** 2.2 for channel in colour)
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 else LIGHT
