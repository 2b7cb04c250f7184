"""Depth metrics and matching: laws, boundaries, refusals."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.metrics import (
    ERROR_SUMS,
    DepthMetrics,
    depth_error_sums,
    depth_metrics,
    match_objects,
    mean_metrics,
)

TRUTH = np.random.default_rng(0).uniform(0.3, 3.0, (20, 30)).astype(np.float32)


def test_a_perfect_prediction_has_no_error() -> None:
    m = depth_metrics(TRUTH, TRUTH)
    assert (m.abs_rel, m.sq_rel, m.rmse, m.rmse_log, m.si_log) == (0, 0, 0, 0, 0)
    assert (m.delta1, m.delta2, m.delta3, m.coverage, m.pixel_count) == (1, 1, 1, 1, 600)


def test_a_wrong_scale_is_an_error_of_all_but_si_log() -> None:
    m = depth_metrics(TRUTH * 1.3, TRUTH)
    assert m.abs_rel == pytest.approx(0.3, rel=1e-5)
    assert m.rmse_log == pytest.approx(math.log(1.3), rel=1e-5)
    assert m.si_log == pytest.approx(0, abs=1e-3)
    assert (m.delta1, m.delta2) == (0, 1)  # 1.25 < 1.3 < 1.5625


def test_metrics_of_two_pixels_equal_values_computed_by_hand() -> None:
    m = depth_metrics(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert m.abs_rel == pytest.approx(0.5)
    assert m.sq_rel == pytest.approx(0.5)  # both (1 m)^2 / 2 m
    assert m.rmse == pytest.approx(1)
    logs = np.log([0.5, 1.5])
    assert m.rmse_log == pytest.approx(math.sqrt((logs**2).mean()))
    assert m.si_log == pytest.approx(100 * logs.std())
    assert m.log10 == pytest.approx((math.log10(2) + math.log10(1.5)) / 2)
    assert (m.delta1, m.delta2, m.delta3) == (0, 0.5, 0.5)  # 1.5 is above 1.25 and below 1.5625; 2 is above 1.953


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_only_pixels_with_truth_count(bad: float) -> None:
    truth = TRUTH.copy()
    truth[:10] = bad
    prediction = TRUTH.copy()
    prediction[:10] = 99
    m = depth_metrics(prediction, truth)
    assert (m.abs_rel, m.pixel_count) == (0, 300)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_hole_in_the_prediction_lowers_coverage_and_the_deltas(bad: float) -> None:
    prediction = TRUTH.copy()
    prediction[:5] = bad
    m = depth_metrics(prediction, TRUTH)
    assert (m.abs_rel, m.coverage, m.delta1, m.delta3, m.pixel_count) == (0, 0.75, 0.75, 0.75, 600)


def test_prediction_without_depth_is_a_miss_everywhere() -> None:
    m = depth_metrics(np.full_like(TRUTH, np.nan), TRUTH)
    assert math.isnan(m.abs_rel)
    assert (m.delta1, m.coverage) == (0, 0)


def test_image_without_truth_has_no_score() -> None:
    m = depth_metrics(TRUTH, np.full_like(TRUTH, np.nan))
    assert m.pixel_count == 0
    assert all(math.isnan(v) for name, v in asdict(m).items() if name != "pixel_count")


def test_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(20, 30\), got \(10, 30\)"):
        depth_metrics(TRUTH[:10], TRUTH)


def test_sums_of_groups_add_up_to_those_of_all_pixels_and_blocks_leave_no_seam() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.3, 5, (300, 250)).astype(np.float32)  # several blocks, the last one not full
    prediction = truth * rng.uniform(0.6, 1.5, truth.shape).astype(np.float32)
    truth[rng.random(truth.shape) < 0.1] = np.nan
    prediction[rng.random(truth.shape) < 0.1] = np.inf
    group = rng.integers(0, 4, truth.shape)
    grouped = depth_error_sums(prediction, truth, group, 5)
    assert grouped.sum(axis=0) == pytest.approx(depth_error_sums(prediction, truth)[0], rel=1e-12)
    assert not grouped[4].any()
    one = np.where(group == 2, truth, np.nan)
    assert grouped[2] == pytest.approx(depth_error_sums(prediction, one)[0], rel=1e-12)
    both = np.isfinite(truth) & np.isfinite(prediction)
    p, t = prediction[both].astype(np.float64), truth[both].astype(np.float64)
    m = depth_metrics(prediction, truth)
    assert m.abs_rel == pytest.approx((abs(p - t) / t).mean(), rel=1e-12)
    assert m.si_log == pytest.approx(100 * np.std(np.log(p / t)), rel=1e-9)
    assert m.delta1 == pytest.approx((np.maximum(p / t, t / p) < 1.25).sum() / np.isfinite(truth).sum(), rel=1e-12)


def test_aligned_predictions_are_compared() -> None:
    sums = depth_error_sums(TRUTH * 2, TRUTH, align=lambda depth: depth / 2)
    assert dict(zip(ERROR_SUMS, sums[0].tolist(), strict=True))["abs_rel"] == 0


def test_mean_is_over_the_images_where_a_metric_is_defined() -> None:
    nothing = depth_metrics(TRUTH, np.full_like(TRUTH, np.nan))
    mean = mean_metrics([depth_metrics(TRUTH * 1.1, TRUTH), depth_metrics(TRUTH[:1] * 1.3, TRUTH[:1]), nothing])
    assert isinstance(mean, DepthMetrics)
    assert mean.abs_rel == pytest.approx(0.2, rel=1e-4)  # images count alike, whatever their size
    assert mean.pixel_count == 630


def test_mean_of_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        mean_metrics([])


MATCHES = {
    "same order": ([[0.9, 0], [0, 0.8]], "ab", "ab", None, [(0, 0), (1, 1)]),
    "other order": ([[0, 0.9], [0.8, 0]], "ba", "ab", None, [(0, 1), (1, 0)]),
    "exactly the threshold": ([[0.5]], "a", "a", None, [(0, 0)]),
    "below the threshold": ([[0.4999]], "a", "a", None, []),
    "another category": ([[0.9]], "a", "b", None, []),
    "two for one: the better mask": ([[0.6], [0.7]], "aa", "a", None, [(1, 0)]),
    "two for one: the higher score": ([[0.6], [0.7]], "aa", "a", [0.9, 0.5], [(0, 0)]),
    "nothing predicted": (np.zeros((0, 2)), "", "ab", None, []),
    "nothing true": (np.zeros((2, 0)), "ab", "", [0.5, 0.5], []),
}


@pytest.mark.parametrize(("iou", "predicted", "true", "scores", "expected"), MATCHES.values(), ids=MATCHES.keys())
def test_matching_takes_each_object_once(
    iou: list[list[float]], predicted: str, true: str, scores: list[float] | None, expected: list[tuple[int, int]]
) -> None:
    assert match_objects(np.array(iou), list(predicted), list(true), scores) == expected


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected IoU \(1, 2\)"):
        match_objects(np.zeros((2, 1)), ["a"], ["a", "b"])
