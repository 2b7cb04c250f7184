"""Rectangles of the ground: which of their sides are seen, and how far they may reach where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from unity_depth_perception.core.support_relations.footprints import Footprints

TURN = np.array([[0.6, 0.8], [-0.8, 0.6]])
PLANK = Footprints(TURN[None], np.array([[-1.0, -0.5]]), np.array([[1.0, 0.5]]))
SLACK = np.array([[0.2, 0.1]])
ALONG = np.linspace(-0.9, 0.9, 20)


def ground(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Places (1, P, 2) of the ground, given along the plank's axes."""
    return np.stack(np.broadcast_arrays(across, along), axis=-1)[None] @ TURN


def test_a_side_with_ends_between_its_corners_is_seen() -> None:
    at_low = ground(ALONG, np.array(-0.5))
    assert PLANK.sides_seen(at_low, SLACK).tolist() == [[[False, False], [True, False]]]


def test_a_corner_belongs_to_the_side_that_ends_there() -> None:
    """Ends along the whole of one side reach both neighbours; yet these are not seen."""
    whole = ground(np.linspace(-1, 1, 60), np.array(0.5))
    assert PLANK.sides_seen(whole, SLACK).tolist() == [[[False, False], [False, True]]]


def test_where_nothing_is_seen_to_end_no_side_is_seen() -> None:
    assert not PLANK.sides_seen(np.full((1, 8, 2), np.nan), SLACK).any()
    assert not PLANK.sides_seen(ground(ALONG / 2, np.array(0.0)), SLACK).any()


@pytest.mark.parametrize(("unseen_m", "outside_m"), [(0.0, 1.0), (0.4, 0.6), (2.0, 0.0)])
def test_what_is_unseen_may_reach_on(unseen_m: float, outside_m: float) -> None:
    reach = np.zeros((1, 2, 2, 2))
    reach[..., 0, 1] = unseen_m  # beyond the high end of the first axis only
    places = ground(np.array([2.0, -2.0]), np.array(0.0))
    assert PLANK.outside_m(places, reach)[0] == pytest.approx([outside_m, 1.0])
