"""Where objects are seen to end."""

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.ops.occlusion_boundaries import occlusion_boundaries

CAMERA = Camera(16, 20, 100, 100, 7.5, 9.5)


def ends_at(depth: torch.Tensor, instances: torch.Tensor, count: int = 1) -> list[set[tuple[int, int]]]:
    """Pixels (column, row) of the ends of each object."""
    points = occlusion_boundaries(depth, instances, count, CAMERA).double().numpy()
    pixels = np.round(CAMERA.project(points))
    return [{(int(u), int(v)) for u, v in each[np.isfinite(each[:, 0])]} for each in pixels]


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Object 1, 4 x 5 px, before a background."""
    depth, instances = torch.full((20, 16), 3.0), torch.zeros(20, 16, dtype=torch.uint8)
    instances[4:9, 6:10] = 1
    depth[4:9, 6:10] = 2.0
    return depth, instances


def test_an_object_before_the_background_ends_all_around() -> None:
    (ends,) = ends_at(*scene())
    assert ends == {(u, v) for u in range(6, 10) for v in range(4, 9) if u in (6, 9) or v in (4, 8)}


def test_what_stands_on_the_floor_ends_where_the_floor_is_as_far() -> None:
    depth, instances = scene()
    depth[9:] = 2.0
    assert {(u, 8) for u in range(6, 10)} <= ends_at(depth, instances)[0]


def test_a_background_that_is_nearer_hides() -> None:
    depth, instances = scene()
    depth[:, 10:] = 1.5
    (ends,) = ends_at(depth, instances)
    assert not {(9, v) for v in range(5, 8)} & ends
    assert {(6, v) for v in range(4, 9)} <= ends


@pytest.mark.parametrize(("beside_m", "is_end"), [(1.5, False), (2.0, False), (2.5, True)])
def test_another_object_hides_unless_it_is_farther(beside_m: float, is_end: bool) -> None:
    depth, instances = scene()
    instances[:, 10:], depth[:, 10:] = 2, beside_m
    ends, _ = ends_at(depth, instances, 2)
    assert ((9, 6) in ends) == is_end


def test_nobody_knows_what_follows_beyond_the_image() -> None:
    depth, instances = scene()
    instances[4:9, 10:], depth[4:9, 10:] = 1, 2.0
    (ends,) = ends_at(depth, instances)
    assert not {(15, v) for v in range(5, 8)} & ends


def test_what_is_not_measured_tells_nothing() -> None:
    depth, instances = scene()
    assert ends_at(torch.full_like(depth, torch.nan), instances) == [set()]
    assert ends_at(depth, instances * 0, 1) == [set()]
    assert occlusion_boundaries(depth, instances * 0, 0, CAMERA).shape == (0, 96, 3)
