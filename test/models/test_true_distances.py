"""True distances of virtual objects: a plain reference that is independent of the product's own statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.ops.statistics import ObjectStatistics, object_statistics
from unity_depth_perception.pipeline import measurement
from unity_depth_perception.synthetic.samples import render_samples, true_object

CPU = torch.device("cpu")
CAMERA = Camera(4, 4, fx=2.0, fy=4.0, cx=1.5, cy=1.5)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return render_samples(range(6), 160, 120)


class RenderedScenes:
    """Samples in memory as a dataset."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self.names = [sample.name for sample in samples]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


def measured(sample: Sample) -> ObjectStatistics:
    """The product's statistics of a sample's true depth and masks."""
    assert sample.depth_m is not None
    assert sample.instances is not None
    depth_m, instances = torch.from_numpy(sample.depth_m), torch.from_numpy(sample.instances.astype(np.int32))
    return object_statistics(depth_m, instances, len(sample.objects), sample.camera)


def test_true_distances_agree_with_the_measured_ones(samples: list[Sample]) -> None:
    assert sum(len(sample.objects) for sample in samples) > 12
    for sample in samples:
        found = measured(sample)
        for k, item in enumerate(sample.objects):
            for name in ("center", "mean", "median"):
                assert getattr(found, name)[k].item() == pytest.approx(getattr(item.distance, name), rel=1e-6)
            assert found.position[k].tolist() == pytest.approx(item.position_m, rel=1e-6, abs=1e-6)
            assert item.range_m == pytest.approx(math.dist(item.position_m, (0, 0, 0)))
            assert tuple(found.bbox[k].tolist()) == item.bbox
            assert found.pixel_count[k].item() == item.pixel_count
            assert found.valid_ratio[k].item() == item.valid_ratio == 1


def test_true_extremes_enclose_the_measured_ones_which_leave_out_the_rim(samples: list[Sample]) -> None:
    wider = 0
    for sample in samples:
        found = measured(sample)
        for k, item in enumerate(sample.objects):
            assert np.float32(item.distance.min) <= found.minimum[k].item()
            assert found.maximum[k].item() <= np.float32(item.distance.max)
            wider += item.distance.max - item.distance.min > (found.maximum - found.minimum)[k].item()
    assert wider > 0


def test_true_distances_of_a_small_image_are_those_computed_by_hand() -> None:
    depth_m = np.full((4, 4), 9.0, np.float32)
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:4] = True
    depth_m[1:3, 1:4] = [[1, 2, 3], [4, 5, math.inf]]
    item = true_object(3, "red_cube", 1, mask, depth_m, CAMERA)
    assert (item.id, item.category, item.parent_id, item.bbox) == (3, "red_cube", 1, (1, 1, 4, 3))
    distance = item.distance
    assert (distance.mean, distance.median, distance.min, distance.max) == (3, 3, 1, 5)
    assert distance.center == 3  # the whole object lies in the window
    # Median column 2 and row 1, at 3 m: x = (2 - 1.5) / 2 * 3, y = (1 - 1.5) / 4 * 3.
    assert item.position_m == (0.75, -0.375, 3)
    assert item.range_m == pytest.approx(math.sqrt(0.75**2 + 0.375**2 + 9))
    assert (item.valid_ratio, item.pixel_count) == (pytest.approx(5 / 6), 6)


def test_median_of_an_even_number_of_pixels_is_the_lower_middle_one() -> None:
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    depth_m = np.broadcast_to(np.float32([4, 1, 3, 2]), (4, 4))
    assert true_object(0, "red_cube", None, mask, depth_m, CAMERA).distance.median == 2


def test_center_window_holds_only_pixels_of_the_object_near_its_centroid() -> None:
    camera, mask = Camera.from_vertical_fov(1.0, 15, 15), np.ones((15, 15), bool)
    mask[[6, 8, 9]] = False  # other objects, which cover most of the window
    depth_m = np.full((15, 15), 7.0, np.float32)
    depth_m[5:10, 5:10] = 2.0
    depth_m[[6, 8, 9]] = 1.0
    assert true_object(0, "red_cube", None, mask, depth_m, camera).distance.center == 2


@pytest.mark.parametrize("depth", [math.inf, math.nan])
def test_object_without_finite_depth_has_no_distance(depth: float) -> None:
    mask = np.eye(4, dtype=bool)
    item = true_object(0, "red_cube", None, mask, np.full((4, 4), depth, np.float32), CAMERA)
    distance = item.distance
    values = (distance.center, distance.mean, distance.median, distance.min, distance.max, *item.position_m)
    assert all(math.isnan(value) for value in (*values, item.range_m))
    assert (item.valid_ratio, item.pixel_count, item.bbox) == (0, 4, (0, 0, 4, 4))


@pytest.mark.parametrize("factor", [1.0, 1.01, 0.97])
def test_error_of_the_statistics_shows_in_the_evaluation(
    samples: list[Sample], factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With true depth and true masks, what is left is the error of the statistics alone."""

    def wrong(depth_m: torch.Tensor, instances: torch.Tensor, count: int, camera: Camera) -> ObjectStatistics:
        right = object_statistics(depth_m, instances, count, camera)
        return replace(right, median=factor * right.median)

    monkeypatch.setattr(measurement, "object_statistics", wrong)
    report = summarise(Evaluator(None, None, CPU).evaluate(RenderedScenes(samples)))
    assert report["objects"]["distances_compared"] == sum(len(sample.objects) for sample in samples)
    for percentile in ("median", "p95"):
        assert report["objects"][f"distance_{percentile}_rel_error"] == pytest.approx(abs(factor - 1), abs=1e-6)
    assert report["depth"]["abs_rel"] == 0
