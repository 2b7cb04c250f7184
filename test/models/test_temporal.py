"""Depth of a stream aligned by known poses: steady scale and surfaces, the mean scale of its frames, resets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_stages import FlatDepth, Rectangles, frame
from room_views import exact_view, moved_depth_error, room_scenes

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.ground_plane import up_from_pose
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.reconstruction.temporal import TemporalAligner, TemporalConfig
from unity_depth_perception.reconstruction.view import DepthView
from unity_depth_perception.synthetic.tours.camera_path import Motion
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

FACTORS = np.exp(np.random.default_rng(5).normal(0.0, 0.03, 16))


@pytest.fixture(scope="module")
def stream() -> list[DepthView]:
    """Exact views of a camera that moves around a room in small steps."""
    return [exact_view(scene) for scene in room_scenes(16, turn=0.2, width=200, height=150)]


def align(aligner: TemporalAligner, view: DepthView, factor: float = 1.0) -> torch.Tensor:
    return aligner.align(view.depth_m * factor, view.camera, view.world_from_camera)


def scale(aligned: torch.Tensor, view: DepthView) -> float:
    return float((aligned / view.depth_m).log().median())


def test_exact_depth_stays(stream: list[DepthView]) -> None:
    aligner = TemporalAligner()
    for view in stream:
        aligned = align(aligner, view)
        assert (aligned / view.depth_m - 1).abs().median() < 1e-3
        assert (aligned / view.depth_m - 1).abs().quantile(0.98) < 0.01


def test_scale_is_steady_and_tends_to_the_mean_of_the_frames(stream: list[DepthView]) -> None:
    aligner = TemporalAligner()
    found = np.array([scale(align(aligner, v, float(f)), v) for v, f in zip(stream, FACTORS, strict=True)])
    own = np.log(FACTORS)
    assert abs(np.diff(found))[3:].mean() < 0.25 * abs(np.diff(own))[3:].mean()
    assert abs(found[-1] - own.mean()) < 0.01
    assert abs(own[0] - own.mean()) > 0.02, "expected a first frame whose scale is not the mean"


def test_errors_of_surfaces_shrink(stream: list[DepthView]) -> None:
    """An error that differs from pixel to pixel and from frame to frame, as that of a network."""
    generator = torch.Generator().manual_seed(0)
    aligner = TemporalAligner()
    before, after = [], []
    for view in stream:
        coarse = torch.randn(1, 1, 6, 8, generator=generator) * 0.02
        field = torch.nn.functional.interpolate(coarse, view.depth_m.shape, mode="bilinear")[0, 0].exp()
        aligned = aligner.align(view.depth_m * field, view.camera, view.world_from_camera)
        before.append(float((field - 1).abs().mean()))
        after.append(float((aligned / view.depth_m - 1).abs().mean()))
    assert np.mean(after[4:]) < 0.8 * np.mean(before[4:])


def test_missing_pose_and_jump_start_a_new_map(stream: list[DepthView]) -> None:
    for interruption in ("no pose", "jump"):
        aligner = TemporalAligner()
        align(aligner, stream[0])
        assert scale(align(aligner, stream[1], 1.05), stream[1]) < 0.04
        if interruption == "no pose":
            untouched = aligner.align(stream[2].depth_m, stream[2].camera, None)
            assert torch.equal(untouched, stream[2].depth_m)
        else:
            away = stream[2].world_from_camera.copy()
            away[:3, 3] += 10
            aligner.align(stream[2].depth_m, stream[2].camera, away)
        assert scale(align(aligner, stream[3], 1.05), stream[3]) == pytest.approx(math.log(1.05), abs=1e-6)


def test_new_place_starts_a_new_map(stream: list[DepthView]) -> None:
    aligner = TemporalAligner()
    align(aligner, stream[0])
    turned = stream[1].world_from_camera.copy()
    turned[:3, :3] = turned[:3, :3] @ np.diag([-1.0, 1.0, -1.0])  # it looks back
    aligned = aligner.align(stream[1].depth_m * 1.1, stream[1].camera, turned)
    assert torch.equal(aligned, stream[1].depth_m * 1.1)


def test_moved_object_keeps_its_own_depth(stream: list[DepthView]) -> None:
    aligner = TemporalAligner()
    align(aligner, stream[0])
    depth = stream[1].depth_m.clone()
    depth[60:90, 80:120] = 0.4 * depth.median()
    aligned = aligner.align(depth, stream[1].camera, stream[1].world_from_camera)
    assert (aligned / depth - 1)[65:85, 85:115].abs().max() < 0.01


def test_invalid_depth_and_sky_stay(stream: list[DepthView]) -> None:
    aligner = TemporalAligner()
    align(aligner, stream[0])
    depth = stream[1].depth_m.clone()
    depth[:20], depth[20:30] = math.inf, math.nan
    aligned = aligner.align(depth, stream[1].camera, stream[1].world_from_camera)
    assert aligned[:20].isinf().all()
    assert aligned[20:30].isnan().all()
    assert aligned[32:].isfinite().all()
    nothing = torch.full_like(depth, math.nan)
    assert aligner.align(nothing, stream[1].camera, stream[1].world_from_camera).isnan().all()


def test_pipeline_aligns_the_depth_of_posed_frames() -> None:
    """Depth of a wall ahead is 3 % too large in the second frame, and objects are measured in aligned depth."""
    estimator = FlatDepth(2.0)
    pose = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 1], [0, 0, 0, 1]])
    posed = replace(frame(), world_from_camera=pose, gravity=None)
    for aligner, expected in ((TemporalAligner(TemporalConfig(weight=0.0)), 2.03), (None, 2.06)):
        pipeline = PerceptionPipeline(estimator, Rectangles(), aligner=aligner)
        estimator.depth_m = 2.0
        pipeline.process(posed)
        estimator.depth_m = 2.06
        result = pipeline.process(posed)
        assert float(result.depth.depth_m[20, 20]) == pytest.approx(expected, abs=0.001)
        assert result.objects[0].distance.median == pytest.approx(expected, abs=0.001)
        assert float(pipeline.process(posed.without_pose()).depth.depth_m[20, 20]) == pytest.approx(2.06)


@pytest.mark.long
@pytest.mark.parametrize("motion", ["orbit", "walk"])
def test_temporal_alignment_error_of_compact_falls_to_six_tenths(motion: Motion) -> None:
    """On tours of 60 frames; mean over consecutive frames, occlusions left out by true depth."""
    tour = Tour(TourConfig(60, motion=motion), 910_001, 320, 240)
    estimator, aligner = create_depth_estimator("compact", torch.device("cpu")), TemporalAligner()
    errors: dict[str, list[float]] = {"none": [], "poses": []}
    last: dict[str, tuple[DepthView, DepthView]] = {}
    for sample in tour:
        image, pose = torch.from_numpy(sample.image), sample.world_from_camera
        assert pose is not None
        with torch.inference_mode():
            depth = estimator.infer(image, sample.camera, -up_from_pose(pose)).depth_m
        aligned = aligner.align(depth, sample.camera, pose)
        truth = DepthView(image, torch.from_numpy(sample.depth_m), sample.camera, pose)
        for name, values in (("none", depth), ("poses", aligned)):
            pair = replace(truth, depth_m=values), truth
            if name in last:
                both = moved_depth_error(*last[name], *pair), moved_depth_error(*pair, *last[name])
                errors[name].append(50 * sum(both))
            last[name] = pair
    assert len(errors["none"]) == 59
    assert np.mean(errors["poses"]) <= 0.6 * np.mean(errors["none"])


def test_impossible_configuration_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a weight of 0 to below 1"):
        TemporalConfig(weight=1.0)
