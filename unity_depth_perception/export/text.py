"""Text in pictures: a font that scales with the image, and placement of labels without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
Colour = tuple[int, int, int]

LIGHT: Colour = (240, 240, 244)
DARK: Colour = (22, 22, 28)


class Rect(NamedTuple):
    """A rectangle [px], max exclusive."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    def overlap(self, other: Rect) -> int:
        """Common area [px^2]."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        return max(width, 0) * max(height, 0)

    def moved_inside(self, width: int, height: int) -> Rect:
        """The rectangle shifted into an image of width x height; one that does not fit is aligned top left."""
        x = max(min(self.x_min, width - (self.x_max - self.x_min)), 0)
        y = max(min(self.y_min, height - (self.y_max - self.y_min)), 0)
        return Rect(x, y, x + self.x_max - self.x_min, y + self.y_max - self.y_min)


def text_px(picture_size: Sequence[int]) -> int:
    """Height of readable text [px] for a picture (H, W, ...)."""
    return round(6 + 0.017 * min(picture_size[0], picture_size[1]))  # grows with the picture, and never below legible


@lru_cache(maxsize=16)
def _font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=px)  # ships with Pillow: the same picture on every machine


def text_size(text: str, px: int) -> tuple[int, int]:
    """(width, height) [px] of a line of text; the height is the line's, the same for every text."""
    return round(_font(px).getlength(text)), round(1.25 * px)


def draw_text(picture: Picture, texts: Sequence[tuple[str, int, int]], px: int, colour: Colour = LIGHT) -> None:
    """Draw texts (text, x, y), with (x, y) the top left corner of each, into `picture` in place."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for text, x, y in texts:
        draw.text((x, y), text, fill=colour, font=_font(px))
    picture[:] = np.asarray(canvas)


def place_labels(sizes: Sequence[tuple[int, int]], targets: Sequence[Rect], occupied: NDArray[np.bool_]) -> list[Rect]:
    """Place each label beside its target: inside the image, off the other labels and the objects.

    Args:
        sizes: (width, height) [px] of each label.
        targets: bounding rectangle of the object of each label.
        occupied: (H, W) pixels that should stay visible.
    """
    height, width = occupied.shape
    placed: list[Rect] = []
    for size, target in zip(sizes, targets, strict=True):
        candidates = [box.moved_inside(width, height) for box in _around(size, target)]
        placed.append(min(candidates, key=lambda box: _cost(box, target, placed, occupied)))
    return placed


def _around(size: tuple[int, int], target: Rect) -> list[Rect]:
    """Places above, below and beside the target, nearest first."""
    width, height = size
    gap = max(height // 8, 2)
    middle_x = (target.x_min + target.x_max - width) // 2
    middle_y = (target.y_min + target.y_max - height) // 2
    corners = [(x, target.y_min - height - gap) for x in (target.x_min, middle_x, target.x_max - width)]
    corners += [(x, target.y_max + gap) for x in (target.x_min, middle_x, target.x_max - width)]
    for y in (middle_y, target.y_min, target.y_max - height):
        corners += [(target.x_max + gap, y), (target.x_min - width - gap, y)]
    corners += [(middle_x, target.y_min - step * (height + gap)) for step in (2, 3)]
    corners += [(middle_x, target.y_max + gap + step * (height + gap)) for step in (1, 2)]
    return [Rect(x, y, x + width, y + height) for x, y in corners]


def _cost(box: Rect, target: Rect, placed: Sequence[Rect], occupied: NDArray[np.bool_]) -> float:
    """Cost of a label position: overlap with labels weighs most, then overlap with objects, then distance."""
    labels = sum(box.overlap(other) for other in placed)
    objects = int(np.count_nonzero(occupied[box.y_min : box.y_max, box.x_min : box.x_max]))
    dx = max(target.x_min - box.x_max, box.x_min - target.x_max, 0)
    dy = max(target.y_min - box.y_max, box.y_min - target.y_max, 0)
    return 20.0 * labels + objects + 0.5 * (dx + dy) * (box.y_max - box.y_min)
