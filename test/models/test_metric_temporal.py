"""Temporal metrics: closed forms of a wall, a rendered scene, occlusions, tracks, gaps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.metrics.temporal import (
    LONGEST_GAP_S,
    TemporalCollection,
    View,
    temporal_alignment_error,
)
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample

CAMERA = Camera.from_vertical_fov(math.radians(60), 96, 72)


def at(x: float = 0, z: float = 0) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = [x, 0, z]
    return pose


def wall(distance_m: float, factor: float, pose: np.ndarray, has_truth: bool = True) -> View:
    truth = np.full((72, 96), distance_m, np.float32)
    return View(truth * np.float32(factor), truth if has_truth else None, CAMERA, pose)


@pytest.mark.parametrize("has_truth", [True, False])
@pytest.mark.parametrize("s", [1.0, 1.1, 0.8])
def test_wall_approached_by_half_a_metre_has_the_error_of_its_scale(s: float, has_truth: bool) -> None:
    """2 m becomes 1.5 m: depth that is s times too large moves to 2 s - 0.5, not to 1.5 s, and back to 1.5 s + 0.5."""
    error = temporal_alignment_error(wall(2, s, at(), has_truth), wall(1.5, s, at(z=0.5), has_truth))
    assert error == pytest.approx(50 * (0.5 * abs(s - 1) / (1.5 * s) + 0.5 * abs(s - 1) / (2 * s)), abs=1e-4)


def test_flicker_of_a_camera_at_rest_is_the_error() -> None:
    error = temporal_alignment_error(wall(2, 1.0, at()), wall(2, 1.05, at()))
    assert error == pytest.approx(50 * (0.05 / 1.05 + 0.05), rel=1e-4)


def rendered(shift_m: float) -> tuple[View, View]:
    scene = random_scene(11, 160, 120)
    pose = scene.world_from_camera.copy()
    pose[:3, 3] += shift_m * pose[:3, 0]
    samples = [render_sample(scene), render_sample(replace(scene, world_from_camera=pose))]
    first, second = (View(s.depth_m, s.depth_m, s.camera, s.world_from_camera) for s in samples)  # type: ignore[arg-type]
    return first, second


def test_true_depth_of_a_scene_with_occlusions_has_no_temporal_error() -> None:
    first, second = rendered(0.1)
    seen = temporal_alignment_error(first, second)
    assert seen == pytest.approx(0, abs=0.02)
    blind = temporal_alignment_error(replace(first, truth_m=None), replace(second, truth_m=None))
    assert blind is not None
    assert blind > 0.05  # without the truth, what one frame hides counts


def test_flicker_in_a_scene_is_found_beside_occlusions() -> None:
    first, second = rendered(0.05)
    flickering = replace(second, depth_m=second.depth_m * np.float32(1.03))
    assert temporal_alignment_error(first, flickering) == pytest.approx(3, rel=0.1)


def test_images_that_see_nothing_in_common_have_no_error() -> None:
    away = at()
    away[:3, :3] = np.diag([-1, 1, -1])
    assert temporal_alignment_error(wall(2, 1, at()), wall(2, 1, away)) is None
    nothing = View(np.full((72, 96), np.nan, np.float32), None, CAMERA, at())
    assert temporal_alignment_error(nothing, wall(2, 1, at(), False)) is None


def sample(k: int, gap_s: float = 0.1, pose: np.ndarray | None = None) -> Sample:
    return Sample(
        f"{k:05d}.png",
        np.zeros((72, 96, 3), np.uint8),
        CAMERA,
        depth_m=np.full((72, 96), 2, np.float32),
        world_from_camera=at() if pose is None else pose,
        stamp_ns=round(1e9 + k * gap_s * 1e9),
    )


def cube(x: float, error: float, category: str = "red_cube") -> tuple[ObjectDistance, ObjectDistance]:
    true = ObjectDistance(0, category, (0, 0, 9, 9), DistanceStatistics(median=2), position_m=(x, 0, 2))
    return replace(true, distance=DistanceStatistics(median=2 * (1 + error))), true


def collected(frames: list[tuple[Sample, float, list[tuple[ObjectDistance, ObjectDistance]]]]) -> TemporalCollection:
    collection = TemporalCollection()
    for one, factor, pairs in frames:
        assert one.depth_m is not None
        collection.add(one, one.depth_m * np.float32(factor), 1 / factor, pairs)
    return collection


def test_distance_spread_is_that_of_each_object_whatever_their_order_in_the_frames() -> None:
    frames = []
    for k in range(6):
        pairs = [cube(-0.3, 0.01 * (-1) ** k), cube(0.3, 0.5), cube(0.3, 0.02 * k, "blue_cube")]
        frames.append((sample(k), 1.0, pairs[:: (-1) ** k]))
    found = collected(frames).summary()
    assert found is not None
    steps = 0.02 * np.arange(6)
    spreads = [0.01, 0.0, float(np.std(steps))]
    assert found["object_distance_spread"]["objects"] == 3
    assert found["object_distance_spread"]["p50"] == pytest.approx(np.median(spreads))
    assert found["object_distance_spread"]["p90"] == pytest.approx(np.percentile(spreads, 90))
    assert found["tae"] == pytest.approx(0, abs=1e-4)


def test_object_is_followed_while_the_camera_moves() -> None:
    frames = []
    for k in range(5):
        camera_x = 0.4 * k  # the cube stands still: it passes through the image
        frames.append((sample(k, pose=at(camera_x)), 1.0, [cube(1.0 - camera_x, 0.02 * (k % 2))]))
    found = collected(frames).summary()
    assert found is not None
    assert found["object_distance_spread"]["objects"] == 1
    assert found["object_distance_spread"]["p50"] == pytest.approx(np.std([0, 0.02, 0, 0.02, 0]))


def test_scale_that_changes_between_frames_is_listed() -> None:
    found = collected([(sample(k), factor, []) for k, factor in enumerate((1.0, 1.1, 1.1))]).summary()
    assert found is not None
    assert found["scale_change"]["p50"] == pytest.approx(math.log(1.1) / 2, rel=1e-5)
    assert found["pairs"] == 2


@pytest.mark.parametrize(
    ("frames", "pairs"),
    [
        ([sample(0), sample(1)], 1),
        ([sample(0), sample(1, LONGEST_GAP_S + 0.1)], 0),
        ([sample(1), sample(0)], 0),
        ([sample(0), sample(0)], 0),
        ([sample(0), replace(sample(1), stamp_ns=None), sample(2)], 0),
        ([sample(0), replace(sample(1), world_from_camera=None), sample(2)], 0),
        ([sample(5), sample(6), sample(0), sample(1)], 2),
    ],
    ids=["in order", "gap", "back in time", "same stamp", "no stamp", "no pose", "played again"],
)
def test_only_frames_that_follow_each_other_are_compared(frames: list[Sample], pairs: int) -> None:
    found = collected([(one, 1.0, []) for one in frames]).summary()
    assert (0 if found is None else found["pairs"]) == pairs


def test_gap_ends_tracks() -> None:
    frames = [(sample(k if k < 3 else k + 100), 1.0, [cube(0, 0.1 * (k >= 3))]) for k in range(6)]
    found = collected(frames).summary()
    assert found is not None
    assert found["object_distance_spread"] == {"objects": 2, "p50": 0, "p90": 0}
