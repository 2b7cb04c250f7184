"""What is seen just below each object."""

import pytest
import torch

from unity_depth_perception.ops.borders import lower_borders

DOWN = (0.0, 1.0)


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Object 1 stands on object 2, which stands on the floor."""
    depth, instances = torch.full((20, 16), 3.0), torch.zeros(20, 16, dtype=torch.uint8)
    instances[4:10, 4:8], instances[10:16, 2:10] = 1, 2
    depth[4:10, 4:8], depth[10:16, 2:10] = 2.0, 1.99
    return depth, instances


def test_who_is_below_whom() -> None:
    borders = lower_borders(*scene(), 2, DOWN)
    assert borders.free.tolist() == [0, 1]
    assert borders.touching.tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(("below_m", "free"), [(1.5, 0.0), (2.5, 1.0)])
def test_what_is_nearer_hides_and_what_is_farther_does_not(below_m: float, free: float) -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = below_m
    borders = lower_borders(depth, instances, 2, DOWN)
    assert borders.free[0] == free
    assert borders.touching[0].tolist() == [0, 0]
    assert borders.hiding[0].tolist() == [0, 1 - free]
    assert borders.overhanging[0].tolist() == [0, free]


def test_the_images_border_hides() -> None:
    depth, instances = scene()
    assert lower_borders(depth[:16], instances[:16], 2, DOWN).free[1] == 0


@pytest.mark.parametrize(("turns", "down"), [(1, (1.0, 0.1)), (2, (0.1, -1.0)), (3, (-1.0, 0.1))])
def test_down_is_where_gravity_points(turns: int, down: tuple[float, float]) -> None:
    upright = lower_borders(*scene(), 2, DOWN)
    turned = lower_borders(*(torch.rot90(image, turns) for image in scene()), 2, down)
    assert turned.free.tolist() == upright.free.tolist()
    assert turned.touching.tolist() == upright.touching.tolist()


def test_no_object_and_an_object_without_a_pixel() -> None:
    depth, instances = scene()
    assert lower_borders(depth, instances * 0, 0, DOWN).touching.shape == (0, 0)
    assert lower_borders(depth, instances, 3, DOWN).free[2] == 0


def test_masks_that_nearly_touch_border_each_other() -> None:
    """Predicted masks leave a gap where one object stands on another."""
    depth, instances = (
        torch.nn.functional.interpolate(image[None, None].float(), scale_factor=10)[0, 0] for image in scene()
    )
    instances[99] = 0  # a row of a gap between the objects, of 200
    borders = lower_borders(depth, instances.to(torch.uint8), 2, DOWN)
    assert borders.below.tolist() == [[0, 1], [0, 0]]
    assert borders.open.tolist() == [0, 1]
    instances[92:100] = 0  # far apart
    assert lower_borders(depth, instances.to(torch.uint8), 2, DOWN).open.tolist() == [1, 1]


def test_what_lies_below_is_seen_at_any_depth() -> None:
    depth, instances = scene()
    depth[10:16, 2:10] = 1.5
    borders = lower_borders(depth, instances, 2, DOWN)
    assert borders.below[0].tolist() == [0, 1]
    assert borders.open[0] == 0
