"""Occlusion order from outlines alone, whatever the depth."""

import numpy as np
import pytest
from box_scenes import CAMERA, Array, Box, cube, look, render

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.core.support_relations.inference import find_parents
from unity_depth_perception.core.support_relations.occlusion_order import occlusion_order

CUBE = cube()
UPON = Box(0.05, -0.1, 1.0, (0.5, 0.4, 0.8), 50)
BEHIND = Box(0.3, 1.0, 0, (0.5, 0.4, 1.6), 20)


def visible_points(*boxes: Box) -> list[Array]:
    """Visible points of each box, their depths wrong by up to a fifth."""
    rng = np.random.default_rng(0)
    view = render(list(boxes), look(30, 7, 0.07), 0.07)
    return [points * rng.uniform(0.8, 1.2, (len(points), 1)) for points in view.points]


def test_a_box_on_a_cube_occludes_it_and_a_box_behind_is_occluded() -> None:
    assert occlusion_order(visible_points(CUBE, UPON))[1, 0] > 0.01
    assert occlusion_order(visible_points(CUBE, BEHIND))[1, 0] < -0.01


def test_occlusion_order_is_antisymmetric() -> None:
    order = occlusion_order(visible_points(CUBE, UPON, BEHIND))
    np.testing.assert_allclose(order, -order.T)
    assert (np.abs(order) <= 1).all()


def test_objects_apart_or_without_points_occlude_nothing() -> None:
    aside, nothing = visible_points(Box(2.5, 0, 0, (0.5, 0.4, 0.8)))[0], np.full((4, 3), np.nan)
    assert not occlusion_order([*visible_points(CUBE), aside, nothing, np.zeros((0, 3))]).any()
    assert occlusion_order([]).shape == (0, 0)


@pytest.mark.parametrize(("upper", "parent"), [(UPON, 0), (BEHIND, None)], ids=["upon", "behind"])
def test_occlusion_order_decides_where_depth_is_noisy(upper: Box, parent: int | None) -> None:
    """Below either box only the cube is visible, and depth puts both at the cube's distance."""
    pose = look(30, 7, 0.07)
    view = render([CUBE, upper], pose, 0.07)
    middle = np.median(view.points[0][:, 2])
    points = [one * (middle / one[:, 2:]) if k else one for k, one in enumerate(view.points)]
    below = np.array([[0.0, 0.0], [1.0, 0.0]])
    on_floor = np.array([1.0, 0.0])
    edges = ContactEdges(on_floor, below, np.zeros(2), on_floor, below)
    floor = GroundPlane(np.array(pose[2, :3]), -float(pose[2, 3])).with_min_noise(0.02)
    links = find_parents(points, ["red_cube", "red_parallelepiped"], floor, edges, CAMERA.focal_px)
    assert [None if link is None else link.parent for link in links] == [None, parent]
