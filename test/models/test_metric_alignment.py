"""Alignment ladder and boundary scores: closed forms, references written from the papers' formulas, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.metrics import DepthMetrics, depth_error_sums, metrics_of_sums
from unity_depth_perception.evaluation.metrics.alignment import fit_alignments
from unity_depth_perception.evaluation.metrics.boundaries import boundary_iou, depth_boundary_score, mask_boundaries

TRUTH = np.random.default_rng(0).uniform(0.5, 4, (60, 80)).astype(np.float32)
STEPS = ("scale", "scale_shift", "affine_disparity")


def aligned(prediction: np.ndarray, step: str, truth: np.ndarray = TRUTH) -> DepthMetrics:
    return metrics_of_sums(depth_error_sums(prediction, truth, align=fit_alignments(prediction, truth)[step])[0])


@pytest.mark.parametrize(
    ("prediction", "vanishes"),
    [
        (TRUTH * np.float32(1.1), STEPS),
        (TRUTH * 2 + np.float32(0.7), ("scale_shift",)),
        (1 / (2 / TRUTH + np.float32(0.3)), ("affine_disparity",)),
    ],
    ids=["scaled", "scaled and shifted", "affine in disparity"],
)
def test_error_vanishes_exactly_where_the_alignment_covers_the_change(
    prediction: np.ndarray, vanishes: tuple[str, ...]
) -> None:
    for step in STEPS:
        assert (aligned(prediction, step).abs_rel < 1e-6) == (step in vanishes)


def test_least_squares_equal_those_of_numpy_and_the_scale_is_that_of_the_medians() -> None:
    prediction = TRUTH * np.random.default_rng(1).normal(1.3, 0.2, TRUTH.shape).astype(np.float32) + 0.1
    found = fit_alignments(prediction, TRUTH)
    p, t = prediction.ravel().astype(np.float64), TRUTH.ravel().astype(np.float64)
    assert (found["scale_shift"].scale, found["scale_shift"].shift) == pytest.approx(tuple(np.polyfit(p, t, 1)))
    disparity = found["affine_disparity"]
    assert (disparity.scale, disparity.shift) == pytest.approx(tuple(np.polyfit(1 / p, 1 / t, 1)))
    assert found["scale"].scale == pytest.approx(np.median(t) / np.median(p))


def test_pixels_without_a_depth_on_either_side_do_not_count_in_the_fit() -> None:
    prediction, truth = TRUTH * 2, TRUTH.copy()
    prediction[:5], prediction[5:8], prediction[8:10] = math.nan, math.inf, 0
    truth[20:22], truth[22:24] = math.nan, math.inf
    for step, alignment in fit_alignments(prediction, truth).items():
        assert (alignment.scale, alignment.shift) == pytest.approx((2 if "disparity" in step else 0.5, 0), abs=1e-6)
    m = aligned(prediction, "affine_disparity", truth)
    assert m.coverage == pytest.approx((56 - 10) / 56)
    assert fit_alignments(np.full_like(TRUTH, np.nan), TRUTH) == {}


def test_disparity_is_clipped_at_the_farthest_truth_as_in_moge() -> None:
    """By hand: a fit that sends one pixel's disparity below 0."""
    truth = np.array([[0.4, 1.0, 1.0, 4.0]], dtype=np.float32)
    prediction = np.array([[0.5, 1.0, 1.0, 4.5]], dtype=np.float32)
    slope, shift = np.polyfit(1 / prediction[0].astype(float), 1 / truth[0].astype(float), 1)
    assert slope / 4.5 + shift < 0.25
    alignment = fit_alignments(prediction, truth)["affine_disparity"]
    assert alignment(np.array([0.5, 4.5, 1e9])) == pytest.approx([1 / (slope / 0.5 + shift), 4, 4])


def test_constant_prediction_is_scaled_alone() -> None:
    found = fit_alignments(np.full_like(TRUTH, 2), TRUTH)["scale_shift"]
    assert (found.scale, found.shift) == pytest.approx((float(TRUTH.mean()) / 2, 0))


def reference_boundary_f1(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Depth Pro's score, written from the formula of the paper: all pixel pairs, one threshold after the other."""
    thresholds, scores = np.linspace(1.05, 1.25, 10), []
    for t in thresholds:
        precision, recall = [], []
        for turn in range(4):  # each rotation puts another neighbour to the right
            p, g = np.rot90(prediction.astype(np.float64), turn), np.rot90(truth.astype(np.float64), turn)
            found, true = p[:, 1:] > t * p[:, :-1], g[:, 1:] > t * g[:, :-1]
            precision.append((found & true).sum() / max(found.sum(), 1))
            recall.append((found & true).sum() / max(true.sum(), 1))
        mean_p, mean_r = np.mean(precision), np.mean(recall)
        scores.append(2 * mean_p * mean_r / (mean_p + mean_r) if mean_p + mean_r else 0.0)
    return float((thresholds * scores).sum() / thresholds.sum())


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_depth_boundary_f1_equals_the_formula_of_depth_pro(noise: float) -> None:
    rng = np.random.default_rng(3)
    truth = np.kron(rng.uniform(1, 2, (12, 15)), np.ones((5, 5))).astype(np.float32)
    prediction = (truth * rng.normal(1, noise, truth.shape)).astype(np.float32)
    truth[:3, :9] = math.inf
    score = depth_boundary_score(prediction, truth)
    assert score is not None
    assert score.f1 == pytest.approx(reference_boundary_f1(prediction, truth), abs=1e-9)
    assert depth_boundary_score(truth, truth).f1 == pytest.approx(1)  # type: ignore[union-attr]


def test_depth_boundary_score_does_not_change_with_scale_and_is_none_without_edges() -> None:
    truth = np.ones((8, 8), dtype=np.float32)
    assert depth_boundary_score(truth, truth) is None
    truth[:, 4:] = 2
    assert depth_boundary_score(truth * 3, truth).f1 == pytest.approx(1)  # type: ignore[union-attr]
    assert reference_boundary_f1(truth, truth) == pytest.approx(0.25)  # the original counts three empty directions
    shifted = np.roll(truth, 1, axis=1)
    assert depth_boundary_score(shifted, truth).f1 == 0  # type: ignore[union-attr]
    unknown = np.full_like(truth, np.nan)
    assert depth_boundary_score(unknown, truth).recall == 0  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"\(8, 8\)"):
        depth_boundary_score(truth[:4], truth)


def reference_boundary_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Boundary IoU from its definition: pixels of a mask within d pixels of what is not; the image ends a mask too."""
    d = max(1, round(0.02 * math.hypot(*first.shape)))
    bands = []
    for mask in (first, second):
        padded = np.pad(mask, d)
        views = np.lib.stride_tricks.sliding_window_view(padded, (2 * d + 1, 2 * d + 1))
        bands.append(mask & ~views.all(axis=(2, 3)))
    return float((bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum())


def test_boundary_iou_equals_its_definition_for_several_masks_at_once() -> None:
    true = np.zeros((150, 200), dtype=np.int32)
    true[20:90, 30:110], true[60:150, 110:190], true[100:103, 10:12] = 1, 2, 3
    predicted = np.zeros_like(true)
    predicted[22:93, 30:105], predicted[60:150, 105:200] = 2, 1
    found = boundary_iou(predicted, true, [(1, 0), (0, 1), (0, 2), (4, 0)])
    expected = [reference_boundary_iou(predicted == k + 1, true == m + 1) for k, m in [(1, 0), (0, 1), (0, 2)]]
    assert found == pytest.approx([*expected, 0])
    assert 0.2 < found[0] < 0.9
    assert boundary_iou(true, true, [(k, k) for k in range(3)]) == [1, 1, 1]


def test_boundary_of_a_small_mask_is_the_mask() -> None:
    instances = np.zeros((150, 200), dtype=np.int32)
    instances[70:75, 70:75] = 1
    assert (mask_boundaries(instances) == instances).all()
