"""What is seen just below each object."""

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.ops.contact_edges import contact_edges

UP = np.array([0.0, -1.0, 0.0])


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Object 1 stands on object 2, which stands on the floor."""
    depth, instances = torch.full((20, 16), 3.0), torch.zeros(20, 16, dtype=torch.uint8)
    instances[4:10, 4:8], instances[10:16, 2:10] = 1, 2
    depth[4:10, 4:8], depth[10:16, 2:10] = 2.0, 1.999
    return depth, instances


def borders_of(depth: torch.Tensor, instances: torch.Tensor, count: int, up: np.ndarray = UP) -> ContactEdges:
    """Seen by a camera that looks level, from far away: upright sides are upright in its image."""
    height, width = depth.shape
    return contact_edges(depth, instances, count, Camera(width, height, 1e4, 1e4, width / 2, -1e3), up)


def test_who_is_below_whom() -> None:
    borders = borders_of(*scene(), 2)
    assert borders.free.tolist() == [0, 1]
    assert borders.touching.tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(("below_m", "free"), [(1.5, 0.0), (2.5, 1.0)])
def test_what_is_nearer_hides_and_what_is_farther_does_not(below_m: float, free: float) -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = below_m
    borders = borders_of(depth, instances, 2)
    assert borders.free[0] == free
    assert borders.touching[0].tolist() == [0, 0]
    assert borders.hiding[0].tolist() == [0, 1 - free]
    assert borders.overhanging[0].tolist() == [0, free]


def test_the_images_border_hides() -> None:
    depth, instances = scene()
    assert borders_of(depth[:16], instances[:16], 2).free[1] == 0


@pytest.mark.parametrize(("turns", "down"), [(1, (1.0, 0.0)), (2, (0.0, -1.0)), (3, (-1.0, 0.0))])
def test_down_is_where_gravity_points(turns: int, down: tuple[float, float]) -> None:
    upright = borders_of(*scene(), 2)
    turned = borders_of(*(torch.rot90(image, turns) for image in scene()), 2, np.array([-down[0], -down[1], 0.0]))
    assert turned.free.tolist() == upright.free.tolist()
    assert turned.touching.tolist() == upright.touching.tolist()


def test_no_object_and_an_object_without_a_pixel() -> None:
    depth, instances = scene()
    assert borders_of(depth, instances * 0, 0).touching.shape == (0, 0)
    assert borders_of(depth, instances, 3).free[2] == 0


def test_masks_that_nearly_touch_border_each_other() -> None:
    """Predicted masks leave a gap where one object stands on another."""
    depth, instances = (
        torch.nn.functional.interpolate(image[None, None].float(), scale_factor=10)[0, 0] for image in scene()
    )
    instances[99] = 0  # a row of a gap between the objects, of 200
    borders = borders_of(depth, instances.to(torch.uint8), 2)
    assert borders.below.tolist() == [[0, 1], [0, 0]]
    assert borders.open.tolist() == [0, 1]
    instances[92:100] = 0  # far apart
    assert borders_of(depth, instances.to(torch.uint8), 2).open.tolist() == [1, 1]


def test_what_lies_below_is_seen_at_any_depth() -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = 1.5
    borders = borders_of(depth, instances, 2)
    assert borders.below[0].tolist() == [0, 1]
    assert borders.open[0] == 0


def test_a_nearer_background_hides_too() -> None:
    depth, instances = scene()
    depth[16:] = 1.5
    borders = borders_of(depth, instances, 2)
    assert borders.free[1] == 0
    assert borders.open[1] == 1  # to the masks it is background all the same


@pytest.mark.parametrize(("floor_m", "grounded"), [(1.998, 1.0), (2.5, 0.0)])
def test_what_is_grounded_meets_the_floor(floor_m: float, grounded: float) -> None:
    depth, instances = scene()
    depth[16:] = floor_m
    borders = borders_of(depth, instances, 2)
    assert borders.grounded.tolist() == [0, grounded]
    assert borders.free.tolist() == [0, 1]


@pytest.mark.parametrize(("slope_m", "touches"), [(0.0, False), (0.03, True)])
def test_surfaces_meet_if_their_slopes_explain_the_step_between_them(slope_m: float, touches: bool) -> None:
    """A step of 0.03 m between two upright faces is a gap; down a slanting face it is one more row."""
    depth, instances = scene()
    depth[10:16] = 1.97 - slope_m * torch.arange(6)[:, None]
    borders = borders_of(depth, instances, 2)
    assert borders.touching[0].tolist() == [0, float(touches)]
    assert borders.hiding[0].tolist() == [0, float(not touches)]


@pytest.mark.parametrize(("pitch_deg", "touches"), [(0.1, True), (30.0, False)])
def test_a_level_face_seen_edgewise_is_too_narrow_to_show(pitch_deg: float, touches: bool) -> None:
    depth, instances = scene()
    depth[10:16] = 1.97
    up = np.array([0.0, -np.cos(np.radians(pitch_deg)), -np.sin(np.radians(pitch_deg))])
    camera = Camera(16, 20, 1e3, 1e3, 8.0, 9.0)
    assert contact_edges(depth, instances, 2, camera, up).touching[0, 1] == float(touches)


def test_sides_that_lead_down_aslant_are_no_lower_end() -> None:
    """A box beside the middle of a camera's view that looks down: its sides lead towards the foot of the camera."""
    depth, instances = torch.full((60, 60), 3.0), torch.zeros(60, 60, dtype=torch.uint8)
    for row in range(10, 60):  # four rows for each column; the lower end is beyond the image
        instances[row, 30 - (row - 10) // 4 : 50 - (row - 10) // 4] = 1
    depth[instances > 0] = 2.0
    camera, up = Camera(60, 60, 100.0, 100.0, 30.0, 30.0), np.array([0.24, -0.97, 0.0])
    assert contact_edges(depth, instances, 1, camera, UP).free[0] > 0.3
    assert contact_edges(depth, instances, 1, camera, up / np.linalg.norm(up)).free[0] == 0
