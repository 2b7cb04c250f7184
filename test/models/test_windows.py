"""Windows of views: similarity laws, ranges that cover every view, windows of an own frame and scale made one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from room_views import exact_view, room_scenes

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.models.protocols import ViewsPrediction
from unity_depth_perception.reconstruction.windows import (
    Similarity,
    WindowConfig,
    infer_windows,
    robust_similarity,
    umeyama,
    window_ranges,
)

TURN = matrix_from_pose([0.3, -1.0, 2.0], [0.2, -0.1, 0.5, 0.8])
SIMILARITY = Similarity(2.5, TURN[:3, :3], TURN[:3, 3])


def points(count: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3))


def moved(source: np.ndarray) -> np.ndarray:
    return SIMILARITY.scale * source @ SIMILARITY.rotation.T + SIMILARITY.translation


def assert_same(found: Similarity, tolerance: float) -> None:
    assert found.scale == pytest.approx(SIMILARITY.scale, rel=tolerance)
    np.testing.assert_allclose(found.rotation, SIMILARITY.rotation, atol=tolerance)
    np.testing.assert_allclose(found.translation, SIMILARITY.translation, atol=3 * tolerance)


def test_umeyama_finds_the_similarity_also_of_points_in_a_plane() -> None:
    source = points()
    assert_same(umeyama(source, moved(source), np.ones(200)), 1e-9)
    source[:, 2] = 0
    assert_same(umeyama(source, moved(source), np.ones(200)), 1e-9)
    assert np.linalg.det(umeyama(source, moved(source) * [1, 1, -1], np.ones(200)).rotation) == pytest.approx(1)


def test_robust_similarity_ignores_a_third_of_outliers() -> None:
    source = points(300)
    target = moved(source) + 0.001 * points(300, 1)
    target[:100] += 5 * points(100, 2)
    assert_same(robust_similarity(source, target, np.ones(300)), 1e-3)


def test_similarity_needs_points_at_several_places() -> None:
    with pytest.raises(InputError, match="expected 30 or more"):
        robust_similarity(points(9), points(9), np.ones(9))
    with pytest.raises(InputError, match="coinciding"):
        umeyama(np.ones((40, 3)), points(40), np.ones(40))


@pytest.mark.parametrize("count", [1, 5, 6, 7, 13, 100])
def test_windows_cover_every_view_and_overlap(count: int) -> None:
    ranges = window_ranges(count, WindowConfig(6, 2))
    assert sorted({k for window in ranges for k in window}) == list(range(count))
    assert all(len(window) == min(count, 6) for window in ranges)
    assert all(len(set(a) & set(b)) >= 2 for a, b in itertools.pairwise(ranges))


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (4, 0), (1, 1)])
def test_impossible_overlap_is_refused(size: int, overlap: int) -> None:
    with pytest.raises(ConfigurationError, match="overlap of 1 to"):
        WindowConfig(size, overlap)


def own_frames(noise: float) -> tuple[Callable[[range], ViewsPrediction], list[np.ndarray]]:
    """A network that predicts each window in the frame of its first view and in a unit of its own."""
    views = [exact_view(scene) for scene in room_scenes(9, turn=0.4, width=96, height=72)]
    generator = torch.Generator().manual_seed(0)

    def infer(window: range) -> ViewsPrediction:
        unit = 1 + 0.3 * window.start
        parts = [views[k] for k in window]
        relative = np.linalg.inv(parts[0].world_from_camera) @ np.stack([view.world_from_camera for view in parts])
        relative[:, :3, 3] *= unit
        depth = torch.stack([view.depth_m for view in parts]) * unit
        depth *= 1 + noise * torch.randn(depth.shape, generator=generator)
        return ViewsPrediction(
            depth, torch.ones_like(depth), tuple(view.camera for view in parts), relative, is_metric=False
        )

    first = np.linalg.inv(views[0].world_from_camera)
    return infer, [first @ view.world_from_camera for view in views]


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 1e-5), (0.02, 1e-2)], ids=["exact", "noisy"])
def test_windows_in_frames_of_their_own_become_one(noise: float, tolerance: float) -> None:
    infer, poses = own_frames(noise)
    result = infer_windows(infer, 9, WindowConfig(4, 2), aligned=False)
    np.testing.assert_allclose(result.world_from_camera, poses, atol=tolerance)
    assert result.depth_m.shape == (9, 72, 96)
    assert len(result.cameras) == 9
    whole = infer(range(9))
    ratio = result.depth_m / whole.depth_m
    assert (ratio.median() - 1).abs() < max(tolerance, 1e-5)


def test_windows_that_share_nothing_valid_are_refused() -> None:
    infer, _ = own_frames(0.0)

    def blind(window: range) -> ViewsPrediction:
        part = infer(window)
        return (
            part
            if window.start == 0
            else ViewsPrediction(
                torch.full_like(part.depth_m, torch.nan), part.confidence, part.cameras, part.world_from_camera, False
            )
        )

    with pytest.raises(InputError, match=r"share 0 pixels.*--window"):
        infer_windows(blind, 9, WindowConfig(4, 2), aligned=False)
