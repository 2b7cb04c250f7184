"""Ragged arrays: what is computed of all rows at once is that of each row alone."""

from __future__ import annotations

import numpy as np
import pytest

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.ragged_arrays import finite_points, packed, quantiles, thinned
from unity_depth_perception.core.support_relations.config import SUPPORT
from unity_depth_perception.core.support_relations.objects_on_ground import place_on_ground

RNG = np.random.default_rng(0)
FLOOR = GroundPlane(np.array([0.0, -1.0, 0.0]), -1.0)


def test_finite_points_move_to_the_front_in_their_order() -> None:
    points, nan, inf = RNG.normal(size=(4, 3)), np.array([[np.nan, 1, 2]]), np.array([[1, np.inf, 2]])
    rows, counts = packed([np.concatenate([points[:1], nan, points[1:], inf]), points[:2], nan, np.empty((0, 3))])
    assert counts.tolist() == [4, 2, 0, 0]
    assert rows.shape == (4, 4, 3)
    np.testing.assert_array_equal(rows[0], points)
    np.testing.assert_array_equal(rows[1, :2], points[:2])
    assert np.isnan(rows[1, 2:]).all()
    assert np.isnan(rows[2:]).all()


def test_points_that_are_not_finite_are_left_out() -> None:
    points = np.array([[1.0, 2, 3], [np.nan, 0, 0], [0, np.inf, -np.inf], [4, 5, 6]])
    np.testing.assert_array_equal(finite_points(points), points[[0, 3]])
    assert finite_points(np.empty((0, 3))).shape == (0, 3)


def test_no_object_gives_no_row() -> None:
    rows, counts = packed([])
    assert rows.shape == (0, 0, 3)
    assert counts.shape == (0,)


def test_thinned_rows_keep_evenly_spread_points() -> None:
    rows, counts = packed([np.full((9, 3), 7.0).cumsum(axis=0), np.ones((4, 3)), np.ones((1, 3))])
    few, kept = thinned(rows, counts, 4)
    assert kept.tolist() == [3, 4, 1]
    np.testing.assert_array_equal(few[0, :3, 0], [7, 28, 49])
    assert np.isnan(few[0, 3:]).all()
    assert np.isnan(few[2, 1:]).all()


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.98, 1.0])
def test_quantiles_are_those_of_each_row_alone(share: float) -> None:
    counts = np.array([7, 1, 30])
    values = RNG.normal(size=(3, 2, 30))
    values[np.broadcast_to((np.arange(30) >= counts[:, None])[:, None], values.shape)] = np.nan
    found = quantiles(np.sort(values), counts, (share, 0.2))
    assert found.shape == (2, 3, 2)
    np.testing.assert_allclose(
        found[0], [np.quantile(v[:, :n], share, axis=1) for v, n in zip(values, counts, strict=True)]
    )
    np.testing.assert_allclose(
        found[1], [np.quantile(v[:, :n], 0.2, axis=1) for v, n in zip(values, counts, strict=True)]
    )


def test_objects_side_by_side_are_measured_as_each_alone() -> None:
    """A cube, a flat plank with many points and an object of few points."""
    sizes, counts = np.array([[0.5, 0.5, 0.5], [2, 0.1, 0.4], [0.1, 0.3, 0.2]]), (300, 1000, 5)
    points = [RNG.uniform(-1, 1, (n, 3)) * size / 2 + [0.3, 0.6, 2] for n, size in zip(counts, sizes, strict=True)]
    is_cube = np.array([True, False, False])
    together = place_on_ground(points, FLOOR, is_cube, 0.001, SUPPORT)
    for k, own in enumerate(points):
        alone = place_on_ground([own], FLOOR, is_cube[[k]], 0.001, SUPPORT)
        for name in ("bottom_m", "top_m", "pixel_m"):
            np.testing.assert_allclose(getattr(together, name)[k], getattr(alone, name)[0], err_msg=name)
        np.testing.assert_allclose(together.footprints.low[k], alone.footprints.low[0])
        np.testing.assert_allclose(together.footprints.high[k], alone.footprints.high[0])


def test_objects_with_too_few_points_are_left_out() -> None:
    objects = place_on_ground([np.ones((3, 3)), np.ones((4, 3))], FLOOR, np.array([True, True]), 0.001, SUPPORT)
    assert objects.indices.tolist() == [1]
    assert len(objects) == 1
