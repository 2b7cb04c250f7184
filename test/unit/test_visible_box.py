"""3D bounding box of the visible surface of an object."""

from __future__ import annotations

import math

import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.core.visible_box import visible_box

CAMERA = Camera(640, 480, 500.0, 400.0, 319.5, 239.5)
BBOX = (300, 200, 350, 300)


def test_the_box_projects_back_to_the_bounding_box() -> None:
    box = visible_box(item(median=2.0, nearest=1.9, farthest=2.2), CAMERA)
    assert box is not None
    corners = [[box.center[k] + sign * box.size[k] / 2 for k in range(2)] + [2.0] for sign in (-1, 1)]
    assert CAMERA.project(corners).flatten() == pytest.approx(
        [BBOX[0] - 0.5, BBOX[1] - 0.5, BBOX[2] - 0.5, BBOX[3] - 0.5]
    )
    assert (box.center[2], box.size[2]) == pytest.approx((2.05, 0.3))


def test_one_pixel_is_as_wide_as_its_rays() -> None:
    box = visible_box(item(bbox=(10, 20, 11, 21)), CAMERA)
    assert box is not None
    assert box.size == pytest.approx((1 / 500, 1 / 400, 0.0))


@pytest.mark.parametrize("missing", ["median", "nearest", "farthest"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_object_without_depth_has_no_box(missing: str, value: float) -> None:
    assert visible_box(item(**{missing: value}), CAMERA) is None


def item(
    median: float = 1.0, nearest: float = 1.0, farthest: float = 1.0, bbox: tuple[int, int, int, int] = BBOX
) -> ObjectDistance:
    return ObjectDistance(0, "red_cube", bbox, DistanceStatistics(median=median, min=nearest, max=farthest))
