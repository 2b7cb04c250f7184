"""Evaluation of stub models whose errors can be computed by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_scenes import (
    CPU,
    ChangedMasks,
    ScaledDepth,
    halve_red,
    invent_another,
    lose_red,
    make_sample,
    rename_red,
    shrink_red,
    write_dataset,
)
from known_stages import RefusingPoses

from unity_depth_perception.core.errors import DatasetError, ModelError
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.summary import summarise


@pytest.fixture
def dataset(tmp_path: Path) -> UnityDataset:
    return write_dataset(tmp_path / "data", [make_sample(index) for index in range(3)])


def test_truth_against_itself_is_flawless(dataset: UnityDataset) -> None:
    report = summarise(Evaluator(None, None, CPU).evaluate(dataset))
    assert report["frames"] == 3
    assert report["failed"] == []
    assert report["fps"] > 0
    assert report["depth"]["abs_rel"] == 0
    assert report["depth"]["rmse"] == 0
    assert report["depth"]["delta1"] == 1
    assert report["objects"]["precision"] == 1
    assert report["objects"]["recall"] == 1
    assert report["objects"]["distance_median_rel_error"] == 0
    assert report["objects"]["per_category"]["red_cube"]["matched"] == 3
    assert report["objects"]["confusion"] == {"blue_cube": {"blue_cube": 3}, "red_cube": {"red_cube": 3}}
    assert all(report["objects"][name] == pytest.approx(1) for name in ("mask_ap", "mask_ap50", "box_ap", "box_ap50"))


def test_poses_that_contradict_their_images_are_listed(dataset: UnityDataset, tmp_path: Path) -> None:
    class Particular(RefusingPoses, ScaledDepth):
        pass

    samples = [replace(make_sample(index), world_from_camera=np.eye(4)) for index in range(2)]
    posed = write_dataset(tmp_path / "posed", samples)
    report = summarise(Evaluator(Particular(1.1), None, CPU).evaluate(posed))
    assert report["poses_refused"] == [{"image": name, "error": "down is elsewhere"} for name in posed.names]
    assert report["depth"]["abs_rel"] == pytest.approx(0.1, rel=1e-4)
    assert summarise(Evaluator(ScaledDepth(1.1), None, CPU).evaluate(dataset))["poses_refused"] == []


@pytest.mark.parametrize(("factor", "delta1"), [(1.1, 1.0), (0.9, 1.0), (1.3, 0.0)])
def test_scaled_depth_has_the_error_of_its_scale(dataset: UnityDataset, factor: float, delta1: float) -> None:
    report = summarise(Evaluator(ScaledDepth(factor), None, CPU).evaluate(dataset))
    error = abs(factor - 1)
    assert report["depth"]["abs_rel"] == pytest.approx(error, rel=1e-4)
    assert report["depth"]["delta1"] == delta1
    assert report["objects"]["distance_median_rel_error"] == pytest.approx(error, rel=1e-4)


def test_rmse_is_in_metres_over_all_pixels(dataset: UnityDataset) -> None:
    report = summarise(Evaluator(ScaledDepth(1.1), None, CPU).evaluate(dataset))
    squares = 16 * 16
    mean_square = (squares * 1.0**2 + squares * 1.5**2 + (48 * 64 - 2 * squares) * 2.0**2) / (48 * 64)
    assert report["depth"]["rmse"] == pytest.approx(0.1 * math.sqrt(mean_square), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "precision", "recall"),
    [
        (lose_red, 1.0, 0.5),
        (rename_red, 0.5, 0.5),
        (invent_another, 2 / 3, 1.0),
        (halve_red, 1.0, 1.0),
        (shrink_red, 0.5, 0.5),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_changed_masks_have_the_precision_and_recall_of_their_change(
    dataset: UnityDataset, change: Callable[[np.ndarray, list[str]], None], precision: float, recall: float
) -> None:
    objects = summarise(Evaluator(None, ChangedMasks(change), CPU).evaluate(dataset))["objects"]
    assert objects["precision"] == pytest.approx(precision)
    assert objects["recall"] == pytest.approx(recall)


@pytest.mark.parametrize(
    ("change", "mask_ap", "mask_ap50"),
    [(rename_red, 0.5, 0.5), (lose_red, 0.5, 0.5), (halve_red, 0.55, 1.0), (shrink_red, 0.5, 0.5)],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_average_precision_is_the_mean_over_categories_and_over_ten_thresholds_of_the_iou(
    dataset: UnityDataset, change: Callable[[np.ndarray, list[str]], None], mask_ap: float, mask_ap50: float
) -> None:
    """The blue cube is found at every threshold; half of the red one at the lowest alone."""
    objects = summarise(Evaluator(None, ChangedMasks(change), CPU).evaluate(dataset))["objects"]
    assert objects["mask_ap"] == pytest.approx(mask_ap)
    assert objects["mask_ap50"] == pytest.approx(mask_ap50)


def test_a_part_without_truth_is_null_with_a_reason(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", [make_sample(0, with_depth=False)])
    report = summarise(Evaluator(ScaledDepth(1.1), None, CPU).evaluate(data))
    assert report["depth"] is None
    assert "true depth" in report["reasons"]["depth"]
    assert report["objects"]["distance_median_rel_error"] == pytest.approx(0.1, rel=1e-3)  # the annotation knows it

    data = write_dataset(tmp_path / "bare", [make_sample(0, with_masks=False)])
    report = summarise(Evaluator(ScaledDepth(1.1), ChangedMasks(lose_red), CPU).evaluate(data))
    assert report["objects"] is None
    assert "masks" in report["reasons"]["objects"]
    assert report["depth"]["abs_rel"] == pytest.approx(0.1, rel=1e-4)


def test_relative_depth_stops_the_evaluation(dataset: UnityDataset) -> None:
    with pytest.raises(ModelError, match="relative"):
        Evaluator(ScaledDepth(1.0, is_metric=False), None, CPU).evaluate(dataset)


def test_failed_frame_is_listed_and_the_others_are_scored(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", [make_sample(0), make_sample(1)])
    image = tmp_path / "data" / "images" / "00000.png"
    image.write_bytes(image.read_bytes()[:40])  # the header is whole: only decoding finds out
    evaluation = Evaluator(None, None, CPU).evaluate(data)
    assert len(evaluation.frames) == 1
    assert [failure[0] for failure in evaluation.failures] == ["00000.png"]
    assert "00000.png" in evaluation.failures[0][1]


def test_dataset_without_any_usable_frame_is_an_error(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", [make_sample(0, with_depth=False)])
    with pytest.raises(DatasetError, match=r"none of 1 images.*true depth"):
        Evaluator(None, None, CPU).evaluate(data)


def test_limit_takes_the_first_images(dataset: UnityDataset) -> None:
    evaluation = Evaluator(None, None, CPU).evaluate(dataset, limit=2)
    assert [frame.image for frame in evaluation.frames] == ["00000.png", "00001.png"]
