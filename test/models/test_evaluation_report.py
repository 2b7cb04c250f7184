"""Report folder of `unity-depth evaluate`."""

import json
from pathlib import Path

import pytest
from evaluation_scenes import CPU, ChangedMasks, ScaledDepth, lose_red, make_sample, write_dataset

from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.report import write_report
from unity_depth_perception.models.null_models import NullDepth


@pytest.fixture
def dataset(tmp_path: Path) -> UnityDataset:
    return write_dataset(tmp_path / "data", [make_sample(index) for index in range(3)])


def test_the_report_folder_holds_json_markdown_and_pictures(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(ScaledDepth(1.1), ChangedMasks(lose_red), CPU)
    write_report(tmp_path / "report", evaluator.evaluate(dataset), evaluator, dataset)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["models"] == {"depth": "scaled", "segmentation": "changed"}
    assert report["device"] == "cpu"
    assert {"python", "torch", "numpy"} <= report["versions"].keys()
    pictures = [frame["picture"] for frames in report["worst"].values() for frame in frames]
    pictures += ["errors.png", "confusion.png"]
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert len(pictures) == 8
    assert "3 x red_cube missed" in markdown
    assert all((tmp_path / "report" / name).stat().st_size > 1000 and name in markdown for name in pictures)


def test_a_report_of_a_flawless_run_shows_no_worst_frames(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(None, None, CPU)
    report = write_report(tmp_path, evaluator.evaluate(dataset), evaluator, dataset)
    assert report["worst"] == {"depth": [], "objects": []}
    assert report["models"] == {"depth": "truth", "segmentation": "truth"}


def test_model_without_depth_has_coverage_zero_and_no_distance_errors(dataset: UnityDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(NullDepth(CPU), None, CPU)
    report = write_report(tmp_path / "report", evaluator.evaluate(dataset), evaluator, dataset)
    assert report["depth"]["abs_rel"] is None
    assert report["depth"]["delta1"] == 0
    assert report["depth"]["coverage"] == 0
    assert report["objects"]["distance_median_rel_error"] is None
    assert report["objects"]["distances_compared"] == 0
    assert [frame["error"] for frame in report["worst"]["depth"]] == [None] * 3
