"""Comparison of what two sources of a dataset say: annotated distances and the depth under the masks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import ObjectDistance

_TOLERANCE = 0.05  # of the ratio of annotated distance to depth
_LEAST_OBJECTS = 3
_CENTRE_TOLERANCE = 0.25  # of the image's side
_UNITS = {1000.0: "millimetres", 100.0: "centimetres", 0.001: "depth in millimetres", 0.01: "depth in centimetres"}


class DistanceComparison:
    """Collects ratios of annotated distances to the depth under the masks."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def add(
        self, objects: tuple[ObjectDistance, ...], instances: NDArray[np.uint16], depth_m: NDArray[np.float32]
    ) -> None:
        """Compare the objects of one image."""
        for item in objects:
            said = next(
                (v for v in (item.distance.median, item.distance.mean, item.distance.center) if math.isfinite(v)), None
            )
            seen = depth_m[instances == item.id + 1]
            seen = seen[np.isfinite(seen)]
            if said is not None and said > 0 and len(seen):
                self._ratios.append(said / float(np.median(seen)))

    def notes(self) -> Iterator[str]:
        """A note where the annotated distances are another multiple of the depth than 1."""
        if len(self._ratios) < _LEAST_OBJECTS:
            return
        factor = statistics.median(self._ratios)
        if abs(factor - 1) > _TOLERANCE:
            unit = next((name for k, name in _UNITS.items() if abs(factor / k - 1) < 2 * _TOLERANCE), "")
            yield (
                f"annotations.json: the distances are {factor:.3g} times the depth under the masks (median of "
                f"{len(self._ratios)} objects){f': is one of them {unit}' if unit else ''}; both should be metres"
            )


def camera_centre_notes(source: str, camera: Camera) -> Iterator[str]:
    """A note where the principal point is far from the image's centre; `source` is the file that names it."""
    x, y = camera.cx + 0.5, camera.cy + 0.5
    if 0 < x <= 1 and 0 < y <= 1:
        yield (
            f"{source}: the principal point {x:g}, {y:g} seems to be in units of the image, not in pixels: expected "
            f"about {camera.width / 2:g}, {camera.height / 2:g}"
        )
    elif max(abs(x / camera.width - 0.5), abs(y / camera.height - 0.5)) > _CENTRE_TOLERANCE:
        yield (
            f"{source}: the principal point {x:g}, {y:g} px is far from the image's centre {camera.width / 2:g}, "
            f"{camera.height / 2:g}"
        )
