"""Evaluation against truths whose errors can be computed by hand."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError, InputError, ModelError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.evaluation.baseline import measure_floor_plane
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.objects import LinkScore, score_links
from unity_depth_perception.evaluation.report import write_report
from unity_depth_perception.evaluation.summary import summarise, summarise_objects
from unity_depth_perception.models.floor_plane import VIRTUAL_UNITY_FLOOR, FloorPlane, FloorPlaneEstimator
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(math.radians(60), 64, 48)
SQUARES = {"red_cube": (slice(20, 36), slice(8, 24), 1.0), "blue_cube": (slice(20, 36), slice(40, 56), 1.5)}


def make_sample(index: int, with_depth: bool = True, with_masks: bool = True) -> Sample:
    """A wall at 2 m with two squares before it; the images differ, so that a test's model can tell them apart."""
    depth_m = np.full((48, 64), 2.0, np.float32)
    instances = np.zeros((48, 64), np.uint16)
    objects = []
    for item_id, (category, (rows, columns, distance_m)) in enumerate(SQUARES.items()):
        depth_m[rows, columns], instances[rows, columns] = distance_m, item_id + 1
        bbox = (columns.start, rows.start, columns.stop, rows.stop)
        objects.append(ObjectDistance(item_id, category, bbox, DistanceStatistics(median=distance_m)))
    return Sample(
        name=f"{index:05d}.png",
        image=np.full((48, 64, 3), 40 + index, np.uint8),
        camera=CAMERA,
        objects=tuple(objects) if with_masks else (),
        depth_m=depth_m if with_depth else None,
        instances=instances if with_masks else None,
    )


def write_dataset(folder: Path, samples: Sequence[Sample]) -> UnityDataset:
    with DatasetWriter(folder, CAMERA) as writer:
        for sample in samples:
            writer.add(sample)
    return UnityDataset(folder)


class ScaledDepth:
    """The wall and squares of `make_sample`, times a factor."""

    name = "scaled"
    device = CPU

    def __init__(self, factor: float, is_metric: bool = True) -> None:
        self._factor, self._is_metric = factor, is_metric

    def infer(self, image: Tensor, camera: Camera) -> DepthPrediction:
        depth_m = make_sample(0).depth_m
        assert depth_m is not None
        return DepthPrediction(torch.from_numpy(depth_m * np.float32(self._factor)), self._is_metric)


class ChangedMasks:
    """The squares of `make_sample`, after a change of instances and categories."""

    name = "changed"
    device = CPU
    categories = tuple(SQUARES)

    def __init__(self, change: Callable[[np.ndarray, list[str]], None]) -> None:
        self._change = change

    def infer(self, image: Tensor) -> Segmentation:
        instances, categories = make_sample(0).instances, list(SQUARES)
        assert instances is not None
        self._change(instances, categories)
        return Segmentation(torch.from_numpy(instances.astype(np.int32)), tuple(categories), (0.9,) * len(categories))


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


def lose_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[instances == 1] = 0
    instances[instances == 2] = 1
    categories.remove("red_cube")


def rename_red(instances: np.ndarray, categories: list[str]) -> None:
    categories[0] = "orange_cube"


def invent_another(instances: np.ndarray, categories: list[str]) -> None:
    instances[:6, :6] = 3
    categories.append("red_cube")


def halve_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[20:28, 8:24] = 0  # the half that is left has IoU 0.5 exactly: still a match


def shrink_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[20:29, 8:24] = 0  # IoU 7/16


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


def test_relative_depth_is_refused_once_and_not_frame_by_frame(dataset: UnityDataset) -> None:
    with pytest.raises(ModelError, match="relative"):
        Evaluator(ScaledDepth(1.0, is_metric=False), None, CPU).evaluate(dataset)


def test_a_frame_that_fails_is_named_and_the_others_count(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", [make_sample(0), make_sample(1)])
    image = tmp_path / "data" / "images" / "00000.png"
    image.write_bytes(image.read_bytes()[:40])  # the header is whole: only decoding finds out
    evaluation = Evaluator(None, None, CPU).evaluate(data)
    assert len(evaluation.frames) == 1
    assert [failure[0] for failure in evaluation.failures] == ["00000.png"]
    assert "00000.png" in evaluation.failures[0][1]


def test_a_dataset_of_failures_or_of_nothing_is_an_error(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", [make_sample(0, with_depth=False)])
    with pytest.raises(DatasetError, match=r"none of 1 images.*true depth"):
        Evaluator(None, None, CPU).evaluate(data)


def test_limit_takes_the_first_images(dataset: UnityDataset) -> None:
    evaluation = Evaluator(None, None, CPU).evaluate(dataset, limit=2)
    assert [frame.image for frame in evaluation.frames] == ["00000.png", "00001.png"]


def link_objects(parents: Sequence[int | None]) -> list[ObjectDistance]:
    return [ObjectDistance(k, "red_cube", (0, 0, 1, 1), parent_id=parent) for k, parent in enumerate(parents)]


@pytest.mark.parametrize(
    ("predicted", "true", "pairs", "expected"),
    [
        ([None, 0], [None, 0], [(0, 0), (1, 1)], LinkScore(1, 1, 1)),
        ([1, None], [None, 0], [(0, 1), (1, 0)], LinkScore(1, 1, 1)),
        ([None, None], [None, 0], [(0, 0), (1, 1)], LinkScore(0, 0, 1)),
        ([None, 0], [None, None], [(0, 0), (1, 1)], LinkScore(0, 1, 0)),
        ([None, 0, None], [None, 2, None], [(0, 0), (1, 1), (2, 2)], LinkScore(0, 1, 1)),
        ([None, 0], [None, 0], [(1, 1)], LinkScore(0, 1, 1)),
        ([None, 0], [None, 0], [(0, 0)], LinkScore(0, 0, 0)),
        ([], [], [], LinkScore(0, 0, 0)),
    ],
    ids=[
        "correct",
        "correct in another order",
        "missed",
        "invented",
        "to the wrong parent",
        "parent not matched",
        "child not matched: not counted",
        "nothing",
    ],
)
def test_links(
    predicted: list[int | None], true: list[int | None], pairs: list[tuple[int, int]], expected: LinkScore
) -> None:
    assert score_links(pairs, link_objects(predicted), link_objects(true)) == expected


def test_ratios_of_nothing_are_null() -> None:
    from unity_depth_perception.evaluation.objects import ObjectScore

    summary = summarise_objects([ObjectScore((), (), (), (), LinkScore())])
    assert summary is not None
    assert all(summary[name] is None for name in ("precision", "recall", "parent_f1", "distance_median_rel_error"))


def test_the_report_folder_holds_json_markdown_and_pictures(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(ScaledDepth(1.1), ChangedMasks(lose_red), CPU)
    write_report(tmp_path / "report", evaluator.evaluate(dataset), evaluator, dataset)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["models"] == {"depth": "scaled", "segmentation": "changed"}
    assert report["device"] == "cpu"
    assert {"python", "torch", "numpy"} <= report["versions"].keys()
    pictures = [frame["picture"] for frames in report["worst"].values() for frame in frames] + ["errors.png"]
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert len(pictures) == 7
    assert all((tmp_path / "report" / name).stat().st_size > 1000 and name in markdown for name in pictures)


def test_a_report_of_a_flawless_run_shows_no_worst_frames(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(None, None, CPU)
    report = write_report(tmp_path, evaluator.evaluate(dataset), evaluator, dataset)
    assert report["worst"] == {"depth": [], "objects": []}
    assert report["models"] == {"depth": "truth", "segmentation": "truth"}


def test_the_floor_plane_is_the_plane_that_it_says() -> None:
    floor = FloorPlane(height_m=0.5, pitch_rad=math.radians(30), far_m=2.0)
    depth_m = FloorPlaneEstimator(CPU, floor).infer(torch.zeros(48, 64, 3, dtype=torch.uint8), CAMERA).depth_m.numpy()
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    points = CAMERA.unproject(np.stack([columns, rows], -1), depth_m)
    below = points[..., 1] * math.cos(floor.pitch_rad) + points[..., 2] * math.sin(floor.pitch_rad)
    near = depth_m < floor.far_m
    assert near.any()
    assert not near.all()
    assert below[near] == pytest.approx(floor.height_m, abs=1e-5)
    assert (depth_m[~near] == np.float32(floor.far_m)).all()
    assert (below[~near] < floor.height_m + 1e-5).all()


def test_measuring_gives_the_plane_that_was_seen() -> None:
    floor = FloorPlane(0.5, math.radians(25), 3.0)
    image = torch.zeros(48, 64, 3, dtype=torch.uint8)
    depth_m = FloorPlaneEstimator(CPU, floor).infer(image, CAMERA).depth_m.numpy()
    pose = np.eye(4)
    sin, cos = math.sin(floor.pitch_rad), math.cos(floor.pitch_rad)
    pose[:3, :3] = [[1, 0, 0], [0, -sin, cos], [0, -cos, -sin]]
    pose[2, 3] = floor.height_m
    sample = Sample("a.png", image.numpy(), CAMERA, depth_m=depth_m, world_from_camera=pose)
    measured = measure_floor_plane([sample])
    assert (measured.height_m, measured.pitch_rad, measured.far_m) == pytest.approx((0.5, math.radians(25), 3.0))
    with pytest.raises(DatasetError, match="camera pose"):
        measure_floor_plane([make_sample(0)])
    with pytest.raises(DatasetError, match="horizon"):
        measure_floor_plane([])


def test_the_built_in_floor_plane_is_the_one_of_virtual_scenes() -> None:
    from unity_depth_perception.synthetic.samples import render_samples

    measured = measure_floor_plane(render_samples(range(30), width=16, height=16))
    assert measured.height_m == pytest.approx(VIRTUAL_UNITY_FLOOR.height_m, rel=0.3)
    assert measured.pitch_rad == pytest.approx(VIRTUAL_UNITY_FLOOR.pitch_rad, rel=0.3)
    assert measured.far_m == pytest.approx(VIRTUAL_UNITY_FLOOR.far_m, rel=0.4)


@pytest.mark.parametrize("values", [(0.0, 0.5, 1.0), (0.5, 2.0, 1.0), (0.5, 0.5, -1.0), (math.nan, 0.5, 1.0)])
def test_an_impossible_floor_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="height_m"):
        FloorPlane(*values)


class Nothing:
    name = "nothing"
    device = CPU

    def infer(self, image: Tensor, camera: Camera) -> DepthPrediction:
        return DepthPrediction(torch.full(image.shape[:2], math.nan), is_metric=True)


def test_a_model_that_predicts_nothing_scores_nothing(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(Nothing(), None, CPU)
    report = write_report(tmp_path / "report", evaluator.evaluate(dataset), evaluator, dataset)
    assert report["depth"]["abs_rel"] is None
    assert report["depth"]["delta1"] == 0
    assert report["depth"]["coverage"] == 0
    assert report["objects"]["distance_median_rel_error"] is None
    assert report["objects"]["distances_compared"] == 0
    assert [frame["error"] for frame in report["worst"]["depth"]] == [None] * 3
