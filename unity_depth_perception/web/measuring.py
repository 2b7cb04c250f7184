"""Distances of clicked pixels, from the depth of a result."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.perception import ImagePerception

_PAIR = re.compile(r"(-?\d+)\s*,\s*(-?\d+)")


@dataclass(frozen=True)
class PixelMeasurement:
    """What a result says about one pixel.

    Attributes:
        x, y: column and row [px].
        depth_m: planar depth [m]; NaN where it is invalid, +Inf for sky and beyond range.
        position_m: (3,) point in the optical frame [m]; NaN without finite depth.
        label: category and id of the object there; None on the background.
    """

    x: int
    y: int
    depth_m: float
    position_m: NDArray[np.float64]
    label: str | None

    @property
    def range_m(self) -> float:
        """Euclidean distance from the camera [m]; NaN without finite depth."""
        return float(np.linalg.norm(self.position_m))

    def __str__(self) -> str:
        where = f"Pixel ({self.x}, {self.y})" + (f" on {self.label}" if self.label else "")
        if math.isnan(self.depth_m):
            return f"{where}: no valid depth."
        if math.isinf(self.depth_m):
            return f"{where}: sky, or beyond the range of the depth."
        return f"{where}: {self.depth_m:.3f} m deep, {self.range_m:.3f} m from the camera."


def measure_pixel(result: ImagePerception, x: int, y: int) -> PixelMeasurement:
    """Depth, position and object of the pixel in column x and row y.

    Raises:
        InputError: the pixel lies outside the image.
    """
    camera = result.camera
    if not (0 <= x < camera.width and 0 <= y < camera.height):
        raise InputError(f"expected a pixel of the image, {camera.width} x {camera.height} px, got ({x}, {y})")
    depth_m = float(result.depth_m[y, x])
    position = camera.unproject((x, y), depth_m) if math.isfinite(depth_m) else np.full(3, np.nan)
    number = int(result.instances[y, x])
    label = f"{result.objects[number - 1].category} {number - 1}" if number else None
    return PixelMeasurement(x, y, depth_m, np.asarray(position, dtype=np.float64), label)


def distance_between(one: PixelMeasurement, other: PixelMeasurement) -> float:
    """Euclidean distance [m] between the points that two pixels show; NaN where one has no finite depth."""
    return float(np.linalg.norm(one.position_m - other.position_m))


def parse_pixels(text: str) -> list[tuple[int, int]]:
    """Pixels of a text such as `320, 240` or `320, 240; 100, 50`.

    Raises:
        InputError: the text holds no pixel, or more than two, or something else.
    """
    pixels = [(int(x), int(y)) for x, y in _PAIR.findall(text)]
    if not 1 <= len(pixels) <= 2 or re.sub(r"[\s;()]", "", _PAIR.sub("", text)):
        raise InputError(f"expected one or two pixels such as 320, 240; 100, 50, got {text[:60]!r}")
    return pixels


def measured_text(result: ImagePerception, pixels: list[tuple[int, int]]) -> str:
    """Sentences on one or two pixels, and on the distance between two.

    Raises:
        InputError: a pixel lies outside the image.
    """
    found = [measure_pixel(result, x, y) for x, y in pixels]
    lines = [str(item) for item in found]
    if len(found) == 2 and math.isfinite(distance_between(*found)):
        lines.append(f"Between the two: {distance_between(*found):.3f} m.")
    return " ".join(lines)
