"""Contact edges: what the image shows just below each object."""

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


def edges_of(depth: torch.Tensor, instances: torch.Tensor, count: int, up: np.ndarray = UP) -> ContactEdges:
    """Seen by a camera that looks level, from far away: upright sides are upright in its image."""
    height, width = depth.shape
    return contact_edges(depth, instances, count, Camera(width, height, 1e4, 1e4, width / 2, -1e3), up)


def test_objects_below_objects() -> None:
    edges = edges_of(*scene(), 2)
    assert edges.visible.tolist() == [0, 1]
    assert edges.touching.tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(("below_m", "visible"), [(1.5, 0.0), (2.5, 1.0)])
def test_a_nearer_object_below_hides_the_lower_end_and_a_farther_one_does_not(below_m: float, visible: float) -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = below_m
    edges = edges_of(depth, instances, 2)
    assert edges.visible[0] == visible
    assert edges.touching[0].tolist() == [0, 0]


def test_the_images_border_hides_the_lower_end() -> None:
    depth, instances = scene()
    assert edges_of(depth[:16], instances[:16], 2).visible[1] == 0


@pytest.mark.parametrize(("turns", "down"), [(1, (1.0, 0.0)), (2, (0.0, -1.0)), (3, (-1.0, 0.0))])
def test_down_is_where_gravity_points(turns: int, down: tuple[float, float]) -> None:
    upright = edges_of(*scene(), 2)
    turned = edges_of(*(torch.rot90(image, turns) for image in scene()), 2, np.array([-down[0], -down[1], 0.0]))
    assert turned.visible.tolist() == upright.visible.tolist()
    assert turned.touching.tolist() == upright.touching.tolist()


def test_no_object_and_an_object_without_a_pixel() -> None:
    depth, instances = scene()
    assert edges_of(depth, instances * 0, 0).touching.shape == (0, 0)
    assert edges_of(depth, instances, 3).visible[2] == 0


def test_masks_with_a_narrow_gap_touch() -> None:
    """Predicted masks leave a gap where one object stands on another."""
    depth, instances = (
        torch.nn.functional.interpolate(image[None, None].float(), scale_factor=10)[0, 0] for image in scene()
    )
    instances[99] = 0  # a row of a gap between the objects, of 200
    edges = edges_of(depth, instances.to(torch.uint8), 2)
    assert edges.below.tolist() == [[0, 1], [0, 0]]
    assert edges.background.tolist() == [0, 1]
    instances[92:100] = 0  # far apart
    assert edges_of(depth, instances.to(torch.uint8), 2).background.tolist() == [1, 1]


def test_below_holds_at_any_depth() -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = 1.5
    edges = edges_of(depth, instances, 2)
    assert edges.below[0].tolist() == [0, 1]
    assert edges.background[0] == 0


def test_a_nearer_background_hides_the_lower_end() -> None:
    depth, instances = scene()
    depth[16:] = 1.5
    edges = edges_of(depth, instances, 2)
    assert edges.visible[1] == 0
    assert edges.background[1] == 1  # to the masks it is background all the same


@pytest.mark.parametrize(("floor_m", "touching"), [(1.998, 1.0), (2.5, 0.0)])
def test_background_at_the_same_depth_touches(floor_m: float, touching: float) -> None:
    depth, instances = scene()
    depth[16:] = floor_m
    edges = edges_of(depth, instances, 2)
    assert edges.touching_background.tolist() == [0, touching]
    assert edges.visible.tolist() == [0, 1]


@pytest.mark.parametrize(("slope_m", "touches"), [(0.0, False), (0.03, True)])
def test_surfaces_touch_if_their_slopes_explain_the_step_between_them(slope_m: float, touches: bool) -> None:
    """A step of 0.03 m between two upright faces is a gap; down a slanting face it is one more row."""
    depth, instances = scene()
    depth[10:16] = 1.97 - slope_m * torch.arange(6)[:, None]
    edges = edges_of(depth, instances, 2)
    assert edges.touching[0].tolist() == [0, float(touches)]


@pytest.mark.parametrize(("pitch_deg", "touches"), [(0.1, True), (30.0, False)])
def test_a_level_face_seen_edgewise_is_too_narrow_to_show(pitch_deg: float, touches: bool) -> None:
    depth, instances = scene()
    depth[10:16] = 1.97
    up = np.array([0.0, -np.cos(np.radians(pitch_deg)), -np.sin(np.radians(pitch_deg))])
    camera = Camera(16, 20, 1e3, 1e3, 8.0, 9.0)
    assert contact_edges(depth, instances, 2, camera, up).touching[0, 1] == float(touches)


def test_slanted_sides_are_no_lower_edge() -> None:
    """A box beside the middle of a camera's view that looks down: its sides lead towards the foot of the camera."""
    depth, instances = torch.full((60, 60), 3.0), torch.zeros(60, 60, dtype=torch.uint8)
    for row in range(10, 60):  # four rows for each column; the lower end is beyond the image
        instances[row, 30 - (row - 10) // 4 : 50 - (row - 10) // 4] = 1
    depth[instances > 0] = 2.0
    camera, up = Camera(60, 60, 100.0, 100.0, 30.0, 30.0), np.array([0.24, -0.97, 0.0])
    assert contact_edges(depth, instances, 1, camera, UP).visible[0] > 0.3
    assert contact_edges(depth, instances, 1, camera, up / np.linalg.norm(up)).visible[0] == 0
