"""Footprints: rectangles of the ground, and the squares that cubes cover."""

from __future__ import annotations

import numpy as np
import pytest

from unity_depth_perception.core.ragged_arrays import packed
from unity_depth_perception.core.support_relations.footprints import Footprints, RotatedPoints

TURN = np.array([[0.6, 0.8], [-0.8, 0.6]])
PLANK = Footprints(TURN[None], np.array([[-1.0, -0.5]]), np.array([[1.0, 0.5]]))


@pytest.mark.parametrize(
    ("point", "distance_m"),
    [((0.9, -0.4), 0.0), ((2.0, 0.0), 1.0), ((-1.0, 0.8), 0.3), ((1.3, 0.9), 0.5)],
    ids=["inside", "beyond an end", "beside", "off a corner"],
)
def test_distance_of_a_point_from_a_rectangle(point: tuple[float, float], distance_m: float) -> None:
    assert PLANK.distances_m(np.array([point]) @ TURN)[0] == pytest.approx([distance_m])


def test_center_and_size_of_a_rectangle() -> None:
    shifted = Footprints(TURN[None], PLANK.low + 3, PLANK.high + 3)
    assert shifted.centers[0] == pytest.approx(np.array([3.0, 3.0]) @ TURN)
    assert shifted.sizes_m.tolist() == [2.0]


def rotated(*places: np.ndarray) -> RotatedPoints:
    """Of one object seen at places (K, 2) of the ground."""
    points, counts = packed([np.column_stack([np.concatenate(places), np.ones(sum(map(len, places)))])])
    return RotatedPoints(points[..., :2], counts)


ALONG = np.linspace(0, 0.4, 100)[:, None]
FRONT = [1.0, 3.0] + ALONG * [1, 0]
LEFT = [1.0, 3.0] + ALONG * [0, 1]


def test_the_bounding_rectangle_has_least_area() -> None:
    axis = np.array([np.cos(0.3491), np.sin(0.3491)])  # 20 degrees, one of the yaws
    footprint = rotated([1.0, 2.0] + np.linspace(-1, 1, 200)[:, None] * axis).bounding_rectangles()
    assert footprint.sizes_m[0] == pytest.approx(2, rel=0.03)
    assert (footprint.high - footprint.low).min() < 0.01
    assert footprint.centers[0] == pytest.approx([1.0, 2.0], abs=0.01)


def test_two_visible_sides_place_the_square_of_a_cube() -> None:
    """The camera, at the origin, sees the front and the left side; the square is an edge long behind both."""
    both = rotated(FRONT, LEFT)
    footprint = both.cube_squares(np.array([0]), np.ones((1, 200), dtype=bool), np.array([0.4]))
    assert footprint.centers[0] == pytest.approx([1.2, 3.2], abs=0.03)
    assert footprint.sizes_m[0] == pytest.approx(0.4, abs=0.03)


def test_a_cube_of_which_half_the_top_is_visible_may_reach_on_to_both_sides() -> None:
    """From above no side is visible: the hidden half may be on the left or on the right of the visible one."""
    u, v = np.meshgrid(np.linspace(0, 0.2, 20), np.linspace(0, 0.4, 40))
    half = rotated([1.0, 3.0] + np.column_stack([u.ravel(), v.ravel()]))
    footprint = half.cube_squares(np.array([0]), np.zeros((1, 800), dtype=bool), np.array([0.4]))
    assert np.sort((footprint.high - footprint.low)[0]) == pytest.approx([0.4, 0.6], abs=0.03)
