"""Text in pictures: a font that scales with the image, and rectangles of pixels."""

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
