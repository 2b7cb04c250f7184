"""Scales of views made to agree by poses: wrong factors of exact depth are undone, their mean stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from room_views import exact_view, room_scenes

from unity_depth_perception.reconstruction.scale_alignment import align_scales
from unity_depth_perception.reconstruction.view import DepthView

FACTORS = np.random.default_rng(3).normal(0.0, 0.05, 10)
FACTORS = np.exp(FACTORS - FACTORS.mean())


def views(count: int = 10) -> list[DepthView]:
    return [exact_view(scene) for scene in room_scenes(count)]


def test_wrong_factors_are_undone() -> None:
    wrong = [view.scaled(float(factor)) for view, factor in zip(views(), FACTORS, strict=True)]
    error = np.log(align_scales(wrong) * FACTORS)
    assert abs(error).max() < 0.01
    assert np.std(error) < 0.1 * np.std(np.log(FACTORS))


def test_mean_scale_of_the_network_stays() -> None:
    factors = align_scales([view.scaled(1.1) for view in views(6)])
    assert np.log(factors).mean() == pytest.approx(0, abs=1e-4)


def test_right_factors_stay() -> None:
    assert abs(np.log(align_scales(views(6)))).max() < 0.003


def test_noise_and_an_outlier_view_leave_the_others_right() -> None:
    generator = torch.Generator().manual_seed(0)
    noisy = []
    for view in views():
        noise = 1 + 0.02 * torch.randn(view.depth_m.shape, generator=generator)
        noisy.append(replace(view, depth_m=view.depth_m * noise))
    noisy[4] = replace(noisy[4], depth_m=torch.full_like(noisy[4].depth_m, 0.4))
    error = np.delete(np.log(align_scales(noisy)), 4)
    assert abs(error).max() < 0.02


def test_views_without_overlap_keep_their_scale() -> None:
    first, second = views(2)
    away = second.world_from_camera.copy()
    away[:3, 3] += 100.0
    np.testing.assert_array_equal(align_scales([first, replace(second, world_from_camera=away)]), [1.0, 1.0])
    np.testing.assert_array_equal(align_scales([first]), [1.0])


def test_views_of_different_sizes_align() -> None:
    small = [exact_view(scene) for scene in room_scenes(10, width=96, height=72)]
    mixed = [a if k % 2 else b for k, (a, b) in enumerate(zip(small, views(), strict=True))]
    wrong = [view.scaled(float(factor)) for view, factor in zip(mixed, FACTORS, strict=True)]
    assert abs(np.log(align_scales(wrong) * FACTORS)).max() < 0.015
