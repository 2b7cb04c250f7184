"""3D bounding box of the visible surface of an object."""

from __future__ import annotations

import math
from typing import NamedTuple

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import ObjectDistance

Vector = tuple[float, float, float]


class VisibleBox(NamedTuple):
    """A 3D box aligned with the axes of the optical frame [m]."""

    center: Vector
    size: Vector


def visible_box(item: ObjectDistance, camera: Camera) -> VisibleBox | None:
    """3D box of an object: its bounding box back-projected at the median depth, deep from min to max depth.

    The back of an object is hidden, so the box is as deep as the visible surface.

    Returns:
        None where the object has no valid depth.
    """
    d = item.distance
    if not (math.isfinite(d.median) and math.isfinite(d.min) and math.isfinite(d.max)):
        return None
    x_min, y_min, x_max, y_max = item.bbox  # max exclusive, so the pixels' outer corners lie half a pixel outside
    left, top, _ = camera.unproject((x_min - 0.5, y_min - 0.5), d.median)
    right, bottom, _ = camera.unproject((x_max - 0.5, y_max - 0.5), d.median)
    return VisibleBox(
        (float(left + right) / 2, float(top + bottom) / 2, (d.min + d.max) / 2),
        (float(right - left), float(bottom - top), d.max - d.min),
    )
