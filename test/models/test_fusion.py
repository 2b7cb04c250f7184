"""Fusion of posed depth: laws of planes, exact rooms within millimetres both ways, rejected pixels, bad input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from room_views import (
    distance_to_surfaces,
    exact_view,
    look_at,
    nearest_distance,
    points_seen_twice,
    room_scenes,
    thickness,
)

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ConfigurationError, InputError
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.reconstruction.depth_filter import reject_edges
from unity_depth_perception.reconstruction.fusion import FusionConfig, fuse_views
from unity_depth_perception.reconstruction.tsdf import Grid, pack
from unity_depth_perception.reconstruction.view import DepthView

CAMERA = Camera.from_vertical_fov(math.radians(60), 160, 120)
GREY = torch.full((120, 160, 3), 120, dtype=torch.uint8)


def plane_view(normal: list[float], offset: float, pose: np.ndarray | None = None) -> DepthView:
    """View of the plane normal . p = offset (optical frame, normal away from the camera)."""
    n = torch.nn.functional.normalize(torch.tensor(normal), dim=0)
    depth = offset / (back_project(torch.ones(120, 160), CAMERA) @ n)
    return DepthView(GREY, depth, CAMERA, np.eye(4) if pose is None else pose)


@pytest.mark.parametrize("normal", [[0.0, 0.0, 1.0], [0.6, 0.2, 0.7], [0.0, 0.93, 0.36]])
def test_edges_keep_planes_of_every_slant(normal: list[float]) -> None:
    depth = plane_view(normal, 1.0).depth_m
    depth = torch.where((depth > 0) & (depth < 20), depth, math.nan)
    kept = reject_edges(depth)
    inner = (slice(1, -1), slice(1, -1))
    assert (kept[inner].isnan() == depth[inner].isnan()).float().mean() > 0.99


def test_edges_lose_both_sides_of_a_step_and_the_pixel_between() -> None:
    depth = torch.ones(20, 30)
    depth[:, 15:] = 2.0
    depth[:, 14] = 1.5  # a flying pixel
    rejected = reject_edges(depth).isnan()
    assert rejected[:, 13:16].all()
    assert not rejected[:, :13].any()
    assert not rejected[:, 16:].any()


def test_edges_keep_what_borders_on_invalid_depth_and_sky() -> None:
    depth = torch.ones(9, 9)
    depth[4, 4], depth[0, 0] = math.nan, math.inf
    kept = reject_edges(depth)
    assert int(kept.isnan().sum()) == 1
    assert kept[0, 0] == math.inf


def test_fused_plane_lies_on_the_plane_with_its_normal_and_colour() -> None:
    normal = [0.2, -0.3, 0.93]
    surface = fuse_views([plane_view(normal, 1.2)], FusionConfig(voxel_m=0.02))
    n = torch.nn.functional.normalize(torch.tensor(normal), dim=0)
    assert (surface.points @ n - 1.2).abs().max() < 1e-4
    assert (surface.normals @ -n).median() > 0.999  # towards the camera
    assert (surface.colours == 120).all()
    nearest = torch.cdist(surface.points[:300], surface.points).topk(2, largest=False).values[:, 1]
    assert 0.01 < nearest.median() < 0.03  # a voxel apart


def test_exact_rooms_fuse_within_5_mm_both_ways() -> None:
    scenes = room_scenes(16)
    views = [exact_view(scene) for scene in scenes]
    surface = fuse_views(views, FusionConfig(voxel_m=0.008))
    assert (surface.normals.norm(dim=1) - 1).abs().max() < 1e-5
    accuracy = distance_to_surfaces(scenes[0], surface.points.double().numpy())
    assert np.quantile(accuracy, 0.99) < 0.005
    seen = points_seen_twice(views, 6)
    completeness = nearest_distance(
        seen[torch.randperm(len(seen), generator=torch.Generator().manual_seed(0))[:3000]], surface.points
    )
    assert completeness.median() < 0.005
    assert (completeness < 0.01).float().mean() > 0.99


def test_two_passes_with_noisy_scale_leave_one_wall() -> None:
    """Two views of one wall whose depths differ by 2 % give one sheet of points between them, not two."""
    near, far = (plane_view([0.0, 0.0, 1.0], offset) for offset in (1.0, 1.02))
    surface = fuse_views([near, far], FusionConfig(voxel_m=0.01, truncation_voxels=6))
    z = surface.points.double().numpy()
    assert thickness(z, 2, 0.05).max() < 1e-3
    assert np.median(z[:, 2]) == pytest.approx(1.01, abs=0.002)


def test_pixels_that_one_view_alone_sees_are_left_out() -> None:
    """A flying speck before a wall that the other view sees through it."""
    wall = plane_view([0.0, 0.0, 1.0], 1.0)
    depth = wall.depth_m.clone()
    depth[50:60, 70:80] = 0.8
    moved = np.eye(4)
    moved[0, 3] = 0.05
    other = plane_view([0.0, 0.0, 1.0], 1.0, moved)
    surface = fuse_views([replace(wall, depth_m=depth), other], FusionConfig(voxel_m=0.01))
    assert surface.points[:, 2].min() > 0.99
    alone = fuse_views([replace(wall, depth_m=depth)], FusionConfig(voxel_m=0.01))
    assert alone.points[:, 2].min() < 0.81


def test_confidence_filters_and_weighs() -> None:
    wrong = plane_view([0.0, 0.0, 1.0], 1.03)
    right = plane_view([0.0, 0.0, 1.0], 1.0)
    sure, unsure = torch.full((120, 160), 9.0), torch.full((120, 160), 1.0)
    views = [replace(right, confidence=sure), replace(wrong, confidence=unsure)]
    config = FusionConfig(voxel_m=0.01, truncation_voxels=8)
    assert fuse_views(views, config).points[:, 2].median() == pytest.approx(1.003, abs=0.001)
    filtered = fuse_views(views, replace(config, confidence_percentile=60, min_views=1))
    assert filtered.points[:, 2].max() == pytest.approx(1.0, abs=1e-4)


def test_fusion_is_the_same_in_any_world_frame() -> None:
    pose = look_at(np.array([3.0, -2.0, 1.5]), np.array([2.0, 1.0, 0.0]))
    views = [plane_view([0.1, 0.2, 0.9], 1.0, pose)]
    surface = fuse_views(views, FusionConfig(voxel_m=0.02))
    local = (surface.points.double().numpy() - pose[:3, 3]) @ pose[:3, :3]
    n = np.array([0.1, 0.2, 0.9]) / np.linalg.norm([0.1, 0.2, 0.9])
    assert abs(local @ n - 1.0).max() < 1e-4


def test_keys_of_voxels_are_unique_and_ordered() -> None:
    index = torch.cartesian_prod(*[torch.arange(-3, 3)] * 3)
    keys = pack(index, 21)
    assert (keys.diff() > 0).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"voxel_m": -1.0}, ConfigurationError, "voxel size > 0"),
        ({"truncation_voxels": 1.0}, ConfigurationError, "2 to 8 voxels"),
        ({"min_views": 0}, ConfigurationError, "min_views >= 1"),
        ({"confidence_percentile": 101.0}, ConfigurationError, "0 to 100"),
        ({"voxel_m": 0.01, "max_voxels": 5120}, InputError, "give larger ones"),
    ],
)
def test_bad_configuration_is_refused(change: dict[str, float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fuse_views([plane_view([0.0, 0.0, 1.0], 1.0)], FusionConfig(**change))  # type: ignore[arg-type]


def test_views_without_depth_are_refused() -> None:
    view = plane_view([0.0, 0.0, 1.0], 1.0)
    with pytest.raises(InputError, match="one or more views"):
        fuse_views([])
    with pytest.raises(InputError, match="no valid pixel"):
        fuse_views([replace(view, depth_m=torch.full((120, 160), math.nan))])
    with pytest.raises(CameraError, match="depth of the camera's 160 x 120"):
        replace(view, depth_m=torch.ones(3, 4))
    with pytest.raises(InputError, match="rigid"):
        replace(view, world_from_camera=np.diag([2.0, 2, 2, 1]))
    assert Grid(0.01, 0.04).voxel_m == 0.01
