"""Tours of 60 views fused: true depth within 5 mm both ways, compact depth within 3 % of the distance, single walls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from room_views import distance_to_surfaces, exact_view, nearest_distance, points_seen_twice, thickness

from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.reconstruction.fusion import FusionConfig
from unity_depth_perception.reconstruction.reconstruct import ReconstructionConfig, reconstruct
from unity_depth_perception.reconstruction.sources.input_view import InputView
from unity_depth_perception.synthetic.scene import Scene
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

TOUR = Tour(TourConfig(60), 900_001, 320, 240)


def away_from_clutter(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Whether points (N, 3) are farther than 3 cm from curved things, whose surfaces are not known here."""
    far = np.ones(len(points), bool)
    for thing in scene.clutter:
        beyond = abs((points - thing.center_m) @ thing.world_from_box) - thing.size_m / 2
        far &= beyond.max(axis=1) > 0.03
    return far


@pytest.mark.long
def test_true_depth_of_60_views_fuses_within_5_mm_both_ways() -> None:
    views = [exact_view(TOUR.scene(k), f"{k}.png") for k in range(60)]
    inputs = [InputView(v.name, v.image.numpy(), v.camera, v.world_from_camera, v.depth_m.numpy()) for v in views]
    scene = reconstruct(inputs, None, ReconstructionConfig(fusion=FusionConfig(voxel_m=0.006))).scene
    points = scene.points_m.astype(np.float64)
    accuracy = distance_to_surfaces(TOUR.scene(0), points[away_from_clutter(TOUR.scene(0), points)])
    assert np.quantile(accuracy, 0.99) < 0.005
    seen = points_seen_twice(views, 8)
    some = seen[torch.randperm(len(seen), generator=torch.Generator().manual_seed(0))[:2000]]
    completeness = nearest_distance(some, torch.from_numpy(scene.points_m))
    assert (completeness < 0.005).float().mean() > 0.97


@pytest.mark.long
def test_compact_depth_of_60_views_fuses_to_single_walls_within_3_percent() -> None:
    inputs = [
        InputView(sample.name, sample.image, sample.camera, sample.world_from_camera)
        for sample in (TOUR[k] for k in range(60))
    ]
    estimator = create_depth_estimator("compact", torch.device("cpu"))
    config = ReconstructionConfig(fusion=FusionConfig(truncation_voxels=8))
    scene = reconstruct(inputs, estimator, config).scene
    points = scene.points_m.astype(np.float64)
    kept = away_from_clutter(TOUR.scene(0), points)
    distance = np.mean([np.linalg.norm(points - v.world_from_camera[:3, 3], axis=1) for v in scene.views], axis=0)
    error = distance_to_surfaces(TOUR.scene(0), points[kept]) / distance[kept]
    assert np.median(error) < 0.03
    assert scene.normals is not None
    floor = points[kept & (scene.normals[:, 2] > 0.9) & (points[:, 2] < 0.03)]
    assert np.quantile(thickness(floor, 2, 0.03), 0.95) < 0.005
