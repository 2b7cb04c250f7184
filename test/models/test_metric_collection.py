"""Metrics of an evaluation's frames: closed forms, merging to the same bits, byte-identical JSON, levels."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_scenes import CPU, ScaledDepth, make_sample, write_dataset
from torch import Tensor
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.metrics.boundaries import flying_pixels
from unity_depth_perception.evaluation.metrics.collection import MetricsCollection
from unity_depth_perception.evaluation.metrics.depth_collection import DepthCollection
from unity_depth_perception.evaluation.metrics.object_distances import ObjectDistanceCollection
from unity_depth_perception.evaluation.metrics.pixel_groups import DISTANCE_BINS_M, pixel_groups
from unity_depth_perception.evaluation.metrics.temporal import View, temporal_alignment_error
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.models.protocols import DepthPrediction


class Samples:
    """Samples in memory."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples
        self.names = [sample.name for sample in samples]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


class NearerObjects(ScaledDepth):
    """The scene of `make_sample` with the objects 1 cm farther than they are."""

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        sample = make_sample(0)
        assert sample.depth_m is not None
        assert sample.instances is not None
        return DepthPrediction(torch.from_numpy(sample.depth_m + np.float32(0.01) * (sample.instances > 0)), True)


def video(count: int) -> Samples:
    """The same scene seen from the same place, 10 frames a second."""
    pose = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0.3], [0, 0, 0, 1]], dtype=np.float64)
    return Samples([replace(make_sample(k), world_from_camera=pose, stamp_ns=(k + 1) * 10**8) for k in range(count)])


def metrics_of(model: Any, samples: Samples, level: str = "all") -> dict[str, Any]:
    evaluator = Evaluator(model, None, CPU, use_camera_pose=False, metrics=level)
    return summarise(evaluator.evaluate(samples))["metrics"]


def test_truth_against_itself_has_no_error_in_any_metric() -> None:
    found = metrics_of(None, video(3))
    assert found["reasons"] == {}
    for step in ("raw", "scale", "scale_shift", "affine_disparity"):
        for way in ("per_image", "pooled"):
            row = found["depth"][way][step]
            errors = [row[name] for name in ("abs_rel", "sq_rel", "rmse", "rmse_log", "si_log", "log10")]
            assert errors == pytest.approx([0] * 6, abs=1e-6 if step != "raw" else 0)
            assert [row[name] for name in ("delta1", "delta2", "delta3", "coverage")] == [1, 1, 1, 1]
    assert found["depth"]["boundary"] == pytest.approx({"precision": 1, "recall": 1, "f1": 1})
    assert found["depth"]["scale"] == {"mean": 1, "log_std": 0}
    assert found["depth"]["pixel_error_percentiles"]["abs_m"]["p99"] == 0
    assert found["objects"]["median"]["abs_m"] == {"p50": 0, "p90": 0, "p95": 0}
    assert found["objects"]["position"]["abs_m"]["p95"] == pytest.approx(0, abs=1e-6)
    assert found["objects"]["boundary_iou"] == 1
    assert found["temporal"]["tae"] == pytest.approx(0, abs=1e-4)
    assert found["temporal"]["scale_change"] == {"p50": 0, "p90": 0}
    assert found["temporal"]["object_distance_spread"] == {"objects": 2, "p50": 0, "p90": 0}


def test_scaled_depth_errs_raw_and_not_after_any_alignment() -> None:
    depth = metrics_of(ScaledDepth(1.1), video(2))["depth"]
    for way in ("per_image", "pooled"):
        assert depth[way]["raw"]["abs_rel"] == pytest.approx(0.1, rel=1e-5)
        assert depth[way]["raw"]["log10"] == pytest.approx(math.log10(1.1), rel=1e-5)
        for step in ("scale", "scale_shift", "affine_disparity"):
            assert depth[way][step]["abs_rel"] == pytest.approx(0, abs=1e-6)
    assert depth["scale"]["mean"] == pytest.approx(1 / 1.1, rel=1e-6)
    assert depth["pixel_error_percentiles"]["abs_rel"]["p50"] == pytest.approx(0.1, rel=0.003)
    assert depth["boundary"]["f1"] == pytest.approx(1)


def test_objects_moved_by_a_centimetre_are_a_centimetre_off() -> None:
    found = metrics_of(NearerObjects(1.0), video(2))
    for name in ("median", "mean", "min", "max", "center"):
        assert found["objects"][name]["abs_m"] == pytest.approx({"p50": 0.01, "p90": 0.01, "p95": 0.01}, rel=1e-4)
        assert found["objects"][name]["count"] == 4
    assert found["objects"]["median"]["median_signed_rel"] == pytest.approx((0.01 + 0.01 / 1.5) / 2, rel=1e-4)
    assert found["depth"]["by_region"]["background"]["abs_rel"] == 0
    assert found["depth"]["by_category"]["red_cube"]["abs_rel"] == pytest.approx(0.01, rel=1e-4)
    assert found["depth"]["by_category"]["blue_cube"]["rmse"] == pytest.approx(0.01, rel=1e-4)


def test_shifted_object_is_off_by_its_shift() -> None:
    box, statistics = (0, 0, 9, 9), DistanceStatistics(2, 2, 2, 2, 2)
    true = ObjectDistance(0, "red_cube", box, statistics, position_m=(0.6, 0.8, 2.0), range_m=math.hypot(0.6, 0.8, 2))
    moved = replace(true, position_m=(0.6, 0.81, 2.0), range_m=math.hypot(0.6, 0.81, 2))
    collection = ObjectDistanceCollection()
    collection.add([(moved, true)] * 3)
    found = collection.summary()
    assert found is not None
    assert found["position"]["abs_m"]["p50"] == pytest.approx(0.01)
    assert found["position"]["rel"]["p90"] == pytest.approx(0.01 / math.sqrt(5))
    assert found["median"]["abs_m"]["p95"] == 0
    assert found["range"]["median_signed_rel"] == pytest.approx(math.hypot(0.6, 0.81, 2) / math.sqrt(5) - 1)


def test_measure_that_is_not_known_is_left_out() -> None:
    true = ObjectDistance(0, "red_cube", (0, 0, 9, 9), DistanceStatistics(median=2))
    collection = ObjectDistanceCollection()
    assert collection.summary() is None
    collection.add([(replace(true, distance=DistanceStatistics(median=2.1, mean=2)), true)])
    found = collection.summary()
    assert found is not None
    assert found["median"]["count"] == 1
    assert found["mean"] is None
    assert found["position"] is None
    assert found["boundary_iou"] is None


def test_four_pixels_by_hand() -> None:
    """Two images of two pixels each; the second has one without truth, so that images and pixels weigh differently."""
    collection = DepthCollection(everything=False)
    collection.add(np.array([[1.0, 3.0]], np.float32), np.array([[2.0, 2.0]], np.float32))
    collection.add(np.array([[4.0, 9.0]], np.float32), np.array([[4.0, math.nan]], np.float32))
    found = collection.summary()
    assert found is not None
    assert found["per_image"]["raw"]["abs_rel"] == pytest.approx((0.5 + 0) / 2)
    assert found["pooled"]["raw"]["abs_rel"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["pooled"]["raw"]["rmse"] == pytest.approx(math.sqrt(2 / 3))
    assert found["per_image"]["raw"]["rmse"] == pytest.approx(0.5)
    logs = np.array([math.log(0.5), math.log(1.5), 0])
    assert found["pooled"]["raw"]["si_log"] == pytest.approx(100 * logs.std())
    assert found["pooled"]["raw"]["pixel_count"] == 3


def test_sky_that_has_depth_and_truth_that_became_sky_are_counted() -> None:
    truth = np.array([[math.inf, math.inf, math.inf, math.inf, 1, 1, 1, math.nan]], np.float32)
    depth = np.array([[math.inf, math.nan, 3, 5, math.inf, math.nan, 1, math.inf]], np.float32)
    for everything in (False, True):
        collection = DepthCollection(everything)
        collection.add(depth, truth)
        found = collection.summary()
        assert found is not None
        assert found["sky"] == pytest.approx(
            {
                "sky_pixels": 4,
                "sky_with_finite_depth": 0.5,
                "finite_truth_with_infinite_depth": 1 / 3,
                "sky_recall": 1 / 4,
                "sky_precision": 1 / 2,
            }
        )
        assert found["pooled"]["raw"]["coverage"] == pytest.approx(1 / 3)


def test_sky_of_four_pixels_by_hand() -> None:
    truth = np.array([[math.inf, math.inf, 2, math.nan]], np.float32)
    expected = {
        "all sky": ([math.inf] * 4, 1, 2 / 3),
        "no sky": ([9, 9, 2, 9], 0, None),
        "half of the sky, and nothing else": ([math.inf, 9, 2, math.inf], 1 / 2, 1),
        "a hole is no sky": ([math.nan, math.inf, math.nan, 1], 1 / 2, 1),
    }
    for name, (depth, recall, precision) in expected.items():
        collection = DepthCollection(everything=False)
        collection.add(np.array([depth], np.float32), truth)
        found = collection.summary()
        assert found is not None
        assert (found["sky"]["sky_recall"], found["sky"]["sky_precision"]) == (recall, precision), name


def test_flying_pixels_of_four_by_hand() -> None:
    """An object at 1 m before a wall at 2 m and sky."""
    truth = np.array([[1, 2, math.inf, math.nan]], np.float32)
    for depth, expected in (
        ([1, 2, math.inf, 5], [False, False, False, False]),
        ([2, 1, 1, 5], [False, False, False, False]),  # on a surface, if on the wrong one
        ([1.5, 1.5, 1.5, 1.5], [True, True, True, False]),  # a veil
        ([1.02, 2.05, 30, 1], [False, False, True, False]),
        ([0.96, 2.07, math.nan, 1], [True, True, False, False]),
    ):
        found = flying_pixels(np.array([depth], np.float32), truth)
        assert found.tolist() == [expected]


def test_slanted_ground_and_scaled_depth_fly_as_their_errors_say() -> None:
    truth = np.tile(np.linspace(1, 3, 48, dtype=np.float32)[:, None], (1, 64))
    assert not flying_pixels(truth * np.float32(1.02), truth).any()
    assert flying_pixels(truth * np.float32(1.5), truth).all()
    found = metrics_of(ScaledDepth(1.1), video(1))["depth"]["flying_pixels"]
    assert found["rim_pixels"] == 2 * (20 * 20 - 12 * 12)
    assert found["raw"] == 1
    assert found["scale"] == 0


def test_bins_and_categories_hold_the_pixels_of_their_place() -> None:
    edges = np.array(DISTANCE_BINS_M[:-1], np.float32)
    truth = np.concatenate([edges + 1e-3, edges[1:], [1000]]).astype(np.float32)[None]
    number = pixel_groups(truth, None, ()).number[0] // 2
    assert number.tolist() == [*range(16), *range(1, 16), 15]
    sample = make_sample(0)
    assert sample.depth_m is not None
    collection = DepthCollection(everything=True)
    collection.add(sample.depth_m * np.float32(1.2), sample.depth_m, sample.instances, ("red_cube", "blue_cube"))
    found = collection.summary()
    assert found is not None
    rows = {row["from_m"]: row["pixel_count"] for row in found["by_distance"]}
    assert rows == {1.0: 256, 1.5: 256, 2.0: 48 * 64 - 512}
    regions = {name: row["pixel_count"] for name, row in found["by_region"].items()}
    # A square of 16 px: its own band of 2 px inside and one of 2 px around it, without the empty corners' exception.
    assert regions["rims"] == 2 * (20 * 20 - 12 * 12)
    assert regions["rims"] + regions["inside"] == 48 * 64 == regions["objects"] + regions["background"]


def test_another_size_is_refused() -> None:
    for everything in (False, True):
        with pytest.raises(InputError, match=r"\(4, 4\)"):
            DepthCollection(everything).add(np.ones((2, 4), np.float32), np.ones((4, 4), np.float32))


def noisy(sample: Sample, seed: int) -> np.ndarray:
    assert sample.depth_m is not None
    return (sample.depth_m * np.random.default_rng(seed).normal(1.05, 0.1, sample.depth_m.shape)).astype(np.float32)


def test_workers_parts_merge_to_the_bytes_of_one_worker() -> None:
    evaluator = Evaluator(None, None, CPU, use_camera_pose=False)

    def collect(numbers: range) -> MetricsCollection:
        collection = MetricsCollection("all")
        for source in numbers:
            for k, sample in enumerate(video(3)._samples):
                result = evaluator.process(sample)
                depth = replace(result.depth, depth_m=torch.from_numpy(noisy(sample, 10 * source + k)))
                collection.add(sample, replace(result, depth=depth))
        return collection

    whole = json.dumps(collect(range(4)).summary())
    first, second = pickle.loads(pickle.dumps(collect(range(1)))), collect(range(1, 4))
    first.merge(second)
    assert json.dumps(first.summary()) == whole
    assert "NaN" not in whole


def test_two_evaluations_write_the_same_bytes(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", [make_sample(index) for index in range(2)])
    reports = [summarise(Evaluator(ScaledDepth(1.07), None, CPU, metrics="all").evaluate(dataset)) for _ in range(2)]
    assert json.dumps(reports[0]["metrics"]) == json.dumps(reports[1]["metrics"])


def test_number_of_threads_changes_no_bit() -> None:
    camera = Camera.from_vertical_fov(1.0, 400, 300)
    truth = np.tile(np.linspace(1, 3, 400, dtype=np.float32), (300, 1))
    pose, moved = np.eye(4), np.eye(4)
    moved[:3, 3] = [0.1, 0, 0.2]
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            depths = [truth * np.random.default_rng(k).normal(1, 0.1, truth.shape).astype(np.float32) for k in (0, 1)]
            views = (View(depth, None, camera, place) for depth, place in zip(depths, (pose, moved), strict=True))
            collection = DepthCollection(everything=True)
            collection.add(depths[0], truth)
            found.append((temporal_alignment_error(*views), json.dumps(collection.summary())))
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]
    assert found[0][0] is not None


def test_command_writes_the_level_that_is_asked_for(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", [make_sample(index) for index in range(2)])
    truth = ["--depth", "truth", "--masks", "truth", "--device", "cpu"]
    for level in ("basic", "all"):
        output = tmp_path / level
        command = ["evaluate", str(tmp_path / "data"), "--output", str(output), *truth, "--metrics", level]
        run = CliRunner().invoke(app, command)
        assert run.exit_code == 0, run.output
        [report] = output.rglob("report.json")
        assert json.loads(report.read_text())["metrics"]["level"] == level
    refused = CliRunner().invoke(app, [*command[:-1], "some"])
    assert refused.exit_code == 2


def test_basic_has_the_same_numbers_and_fewer_parts() -> None:
    basic, everything = (metrics_of(ScaledDepth(1.1), video(2), level) for level in ("basic", "all"))
    assert basic["level"] == "basic"
    assert basic["temporal"] is None
    assert "basic" in basic["reasons"]["temporal"]
    assert set(basic["depth"]) == {"frames", "per_image", "pooled", "sky"}
    assert basic["depth"]["pooled"]["raw"] == pytest.approx(everything["depth"]["pooled"]["raw"], abs=1e-5)
    assert basic["objects"] == everything["objects"] | {"boundary_iou": None}


def test_parts_without_truth_say_why_and_levels_are_checked() -> None:
    found = metrics_of(ScaledDepth(1.0), Samples([make_sample(0, with_depth=False)]))
    assert found["depth"] is None
    assert "true depth" in found["reasons"]["depth"]
    assert "stamp" in found["reasons"]["temporal"]
    assert found["objects"]["median"]["count"] == 2
    assert found["objects"]["position"] is None
    with pytest.raises(ConfigurationError, match="basic or all"):
        MetricsCollection("some")
    with pytest.raises(ConfigurationError, match="level all"):
        MetricsCollection("all").merge(MetricsCollection("basic"))


def test_annotation_without_range_is_completed_from_true_depth() -> None:
    found = metrics_of(None, Samples([make_sample(0)]))["objects"]
    assert found["range"]["count"] == found["max"]["count"] == 2
    assert found["range"]["abs_m"]["p95"] == pytest.approx(0, abs=1e-6)
    bare = metrics_of(ScaledDepth(1.0), Samples([make_sample(0, with_depth=False)]))["objects"]
    assert bare["range"] is bare["max"] is None
