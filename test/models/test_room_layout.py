"""Room layout: walls stand where the floor ends, for any tilt and roll of the camera."""

import math

import pytest
import torch
from torch import Tensor

from unity_depth_perception.models.compact.dense.room_layout import log_layout_depth, log_room_depth

HEIGHT = 0.8
SIDE = 96  # px, of a view of 90 degrees


def camera(down_rad: float, roll_rad: float) -> tuple[Tensor, Tensor]:
    """Rays (1, 2, H, W) and the floor's normal (1, 3) of a camera that looks down by an angle and is rolled."""
    x = torch.linspace(-1, 1, SIDE)
    rays = torch.stack([x.expand(SIDE, SIDE), x[:, None].expand(SIDE, SIDE)])[None]
    up = math.cos(down_rad)
    normal = torch.tensor([[up * math.sin(roll_rad), up * math.cos(roll_rad), math.sin(down_rad)]])
    return rays, normal


def room_depth(rays: Tensor, normal: Tensor, walls: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """Exact depth (1, H, W) of a floor and vertical walls, each a direction [rad] and a distance, and what is floor."""
    right = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0]]) - normal[:, :1] * normal, dim=1)
    forward = torch.linalg.cross(right, normal)
    x, down, z = (
        (axis[:, :2, None, None] * rays).sum(dim=1) + axis[:, 2, None, None] for axis in (right, normal, forward)
    )
    floor = down / HEIGHT
    wall = torch.stack([(math.sin(a) * x + math.cos(a) * z) / d for a, d in walls]).amax(dim=0)
    return 1 / torch.maximum(floor, wall), floor > wall


@pytest.mark.parametrize("down_deg", [10, 35, 60, 85])
@pytest.mark.parametrize("roll_deg", [0, -12])
def test_walls_stand_where_the_floor_ends(down_deg: float, roll_deg: float) -> None:
    """A room of three walls, seen at up to 130 degrees from corner to corner."""
    rays, normal = camera(math.radians(down_deg), math.radians(roll_deg))
    truth, is_floor = room_depth(rays, normal, [(0.1, 1.5), (-1.4, 0.9), (1.8, 1.1)])
    depth = log_room_depth(torch.where(is_floor, 1.0, -1.0), rays, normal).exp() * HEIGHT
    error = (depth / truth - 1).abs()
    assert error[is_floor].max() < 1e-4 or error[is_floor].mean() < 0.003  # but for the rim, where a wall's foot is
    seen_foot = error[~is_floor]
    assert seen_foot.median() < 0.02


def test_isolated_errors_and_occlusion_of_the_floor_change_little() -> None:
    rays, normal = camera(math.radians(35), 0.0)
    truth, is_floor = room_depth(rays, normal, [(0.0, 1.5)])
    evidence = torch.where(is_floor, 1.0, -1.0)
    torch.manual_seed(0)
    evidence[torch.rand(evidence.shape) < 0.1] *= -1
    evidence[:, 50:70, 30:60] = 0  # an object
    depth = log_room_depth(evidence, rays, normal).exp() * HEIGHT
    assert (depth / truth - 1).abs().mean() < 0.03


def test_without_evidence_the_layout_is_the_floor_alone() -> None:
    rays, normal = camera(math.radians(35), 0.0)
    floor = room_depth(rays, normal, [(0.0, 1e9)])[0]
    depth = log_room_depth(torch.zeros(1, SIDE, SIDE), rays, normal).exp() * HEIGHT
    near = floor < 10
    assert torch.allclose(depth[near], floor[near], rtol=1e-4)
    assert torch.isfinite(depth).all()


@pytest.mark.parametrize("down_deg", [20, 45])
def test_objects_on_a_table_stand_above_the_floor_of_the_room(down_deg: float) -> None:
    """A round table top at the unit of height, the floor 1.8 times as far below, walls on that floor."""
    rays, normal = camera(math.radians(down_deg), 0.05)
    below, is_floor = room_depth(rays, normal, [(0.1, 4.0), (-1.4, 3.0)])
    drop = 1.8
    below, top = below * drop, room_depth(rays, normal, [(0.0, 1e9)])[0]
    is_top = (rays[:, 0] ** 2 + (rays[:, 1] - 0.3) ** 2 < 0.25) & (top > 0) & (top < 10)
    truth = torch.where(is_top, top, below) / HEIGHT
    is_lower = is_floor & ~is_top
    seen = [mask.float() for mask in (is_top, ~is_floor & ~is_top, is_lower)]
    direct = truth.log() + 0.05 * torch.sin(37 * rays.sum(dim=1))  # the network's, inaccurate
    error = (log_layout_depth(*seen, direct, rays, normal) - truth.log()).abs()
    assert error[is_top].max() < 1e-4
    assert error[is_lower].median() < 0.01
    assert error[~is_floor & ~is_top].median() < 0.03


def test_a_lower_floor_that_nothing_shows_changes_nothing() -> None:
    rays, normal = camera(math.radians(35), 0.0)
    _, is_floor = room_depth(rays, normal, [(0.0, 1.5)])
    floor, wall, none = is_floor.float(), 1 - is_floor.float(), torch.zeros(1, SIDE, SIDE)
    layout = log_layout_depth(floor, wall, none, torch.randn(1, SIDE, SIDE), rays, normal)
    assert torch.equal(layout, log_room_depth(floor - wall, rays, normal))
