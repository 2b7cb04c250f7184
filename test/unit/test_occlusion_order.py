"""Who hides whom, from outlines alone: depth errs as it likes."""

from dataclasses import replace

import numpy as np
import pytest
from box_scenes import CAMERA, Array, Box, cube, look, render

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.support_relations.inference import find_parents
from unity_depth_perception.core.support_relations.occlusion_order import occlusion_order

CUBE = cube()
UPON = Box(0.05, -0.1, 1.0, (0.5, 0.4, 0.8), 50)
BEHIND = Box(0.3, 1.0, 0, (0.5, 0.4, 1.6), 20)


def seen(*boxes: Box) -> list[Array]:
    """Points of what is seen of each, their depths wrong by up to a fifth."""
    rng = np.random.default_rng(0)
    view = render(list(boxes), look(30, 7, 0.07), 0.07)
    return [points * rng.uniform(0.8, 1.2, (len(points), 1)) for points in view.points]


def test_what_stands_on_a_cube_hides_it_and_what_is_behind_is_hidden() -> None:
    assert occlusion_order(seen(CUBE, UPON))[1, 0] > 0.01
    assert occlusion_order(seen(CUBE, BEHIND))[1, 0] < -0.01


def test_who_hides_is_the_reverse_of_who_is_hidden() -> None:
    before = occlusion_order(seen(CUBE, UPON, BEHIND))
    np.testing.assert_allclose(before, -before.T)
    assert (np.abs(before) <= 1).all()


def test_what_is_apart_or_not_seen_hides_nothing() -> None:
    aside, nothing = seen(Box(2.5, 0, 0, (0.5, 0.4, 0.8)))[0], np.full((4, 3), np.nan)
    assert not occlusion_order([*seen(CUBE), aside, nothing, np.zeros((0, 3))]).any()
    assert occlusion_order([]).shape == (0, 0)


@pytest.mark.parametrize(("upper", "parent"), [(UPON, 0), (BEHIND, None)], ids=["upon", "behind"])
def test_where_depth_is_vague_the_outlines_tell_what_is_behind(upper: Box, parent: int | None) -> None:
    """The cube is all that is seen below either, and depth puts both at the cube's distance."""
    pose = look(30, 7, 0.07)
    view = render([CUBE, upper], pose, 0.07)
    middle = np.median(view.points[0][:, 2])
    points = [one * (middle / one[:, 2:]) if k else one for k, one in enumerate(view.points)]
    below = np.array([[0.0, 0.0], [1.0, 0.0]])
    none = np.zeros((2, 2))
    borders = replace(
        view.borders,
        free=np.array([1.0, 0.0]),
        touching=below,
        grounded=np.zeros(2),
        open=np.array([1.0, 0.0]),
        below=below,
        hiding=none,
    )
    floor = GroundPlane(np.array(pose[2, :3]), -float(pose[2, 3]), spread_m=0.0).scattered(0.02)
    links = find_parents(points, points, ["red_cube", "red_parallelepiped"], floor, borders, CAMERA.focal_px)
    assert [None if link is None else link.parent for link in links] == [None, parent]
