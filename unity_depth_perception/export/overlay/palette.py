"""Colours of objects that people with any colour vision can tell apart."""

from __future__ import annotations

from types import MappingProxyType

import cv2
import numpy as np
from PIL import ImageColor

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.text import Colour

# Okabe and Ito, "Color Universal Design" (2008): their lightness differs too, so red and green stay apart for
# everybody. Orange, green and blue are a little lighter than in the original, for dark images.
NAMED: MappingProxyType[str, Colour] = MappingProxyType(
    {
        "red": (222, 82, 20),
        "orange": (240, 165, 20),
        "yellow": (240, 228, 66),
        "green": (0, 178, 128),
        "cyan": (86, 190, 240),
        "blue": (30, 125, 215),
        "purple": (214, 120, 200),
        "magenta": (214, 120, 200),
        "pink": (245, 170, 205),
        "brown": (160, 100, 50),
        "black": (60, 60, 66),
        "gray": (150, 150, 156),
        "grey": (150, 150, 156),
        "white": (240, 240, 244),
    }
)
_UNNAMED = tuple(NAMED[name] for name in ("orange", "cyan", "green", "yellow", "blue", "red", "purple"))
_LEAST_VALUE, _MOST_SATURATION = 150, 220


def object_colour(item: ObjectDistance) -> Colour:
    """Colour that the category's name begins with, in a colour-blind-safe shade; for any other category by id.

    So a wrong category is visible: a red cube with a blue contour.
    """
    name = item.category.partition("_")[0].lower()
    if name in NAMED:
        return NAMED[name]
    try:
        return _visible(ImageColor.getrgb(name)[:3])
    except ValueError:
        return _UNNAMED[item.id % len(_UNNAMED)]


def _visible(colour: tuple[int, ...]) -> Colour:
    """The colour, neither too dark nor too garish for a contour."""
    hue, saturation, value = cv2.cvtColor(np.array([[colour]], np.uint8), cv2.COLOR_RGB2HSV)[0, 0].tolist()
    limited = np.array([[[hue, min(saturation, _MOST_SATURATION), max(value, _LEAST_VALUE)]]], np.uint8)
    red, green, blue = cv2.cvtColor(limited, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue
