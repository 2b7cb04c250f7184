"""The command train-depth --from: output, files and errors."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from trainable_laws import CPU
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.fine_tuning.fine_tune import ValidationImages, validate


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 2, str(result.exception)
    return result.exit_code, result.output


@pytest.mark.long
def test_train_depth_aligns_the_scale_and_reports_the_errors(folder: Path, tmp_path: Path) -> None:
    arguments = ["train-depth", folder, "--output", tmp_path, "--from", "compact", "--steps", "30", "--batch", "4"]
    code, output = run(*arguments, "--device", "cpu")
    assert code == 0, output
    record = json.loads((tmp_path / "fine_tuning.json").read_text())
    split = json.loads((tmp_path / "split.json").read_text())
    assert len(split["train"]) == 8
    assert len(split["validation"]) == 2
    assert record["before"]["abs_rel"] > 0.8
    assert record["after"]["abs_rel"] <= record["scaled"]["abs_rel"] < 0.25
    for part in ("before", "scaled", "after"):
        assert f"{record[part]['abs_rel']:.4f}" in output
    estimator = create_depth_estimator(str(tmp_path / "depth.safetensors"), CPU)
    assert isinstance(estimator, CompactDepth)
    chosen = [index for index, name in enumerate(UnityDataset(folder).names) if name in split["validation"]]
    assert validate(estimator, ValidationImages(UnityDataset(folder), chosen)).abs_rel == record["after"]["abs_rel"]


def test_train_depth_names_images_without_depth_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(folder, dataset)
    (dataset / "depth" / "00002.npy").unlink()
    (dataset / "depth" / "00005.npy").write_bytes(b"not an array")
    code, message = run("train-depth", dataset, "--output", tmp_path / "run", "--from", "compact")
    assert code == 2
    assert "2 problems" in message
    assert "depth/00002: expected true depth as .png, .exr or .npy, found none" in message
    assert "00005.npy: expected an array" in message
    assert not (tmp_path / "run").exists()


def test_training_resumes_only_with_the_same_settings(folder: Path, tmp_path: Path) -> None:
    arguments = ["train-depth", folder, "--output", tmp_path, "--steps", "1", "--batch", "2", "--device", "cpu"]
    assert run(*arguments, "--learning-rate", "1e-5")[0] == 0
    code, message = run(*arguments, "--learning-rate", "1e-4")
    assert code == 2
    assert message.endswith("started here with --learning-rate 1e-05; go on with that, or choose another output folder")
    code, message = run("train-segmentation", folder, "--output", tmp_path, "--batch", "4")
    assert code == 2
    assert "started here with command train-depth, --from compact, --train-backbone False, --batch 2" in message


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("unknown", "unknown depth model 'unknown'"),
        ("floor-plane", "expected a metric model that train-depth can start from.*got floor-plane"),
        (str(SEGMENTATION_WEIGHTS), "expected depth weights of train-depth.*'compact-segmentation'"),
        ("nowhere.safetensors", "no such weights file"),
    ],
)
def test_train_depth_refuses_models_that_cannot_be_trained(
    start: str, message: str, folder: Path, tmp_path: Path
) -> None:
    code, output = run("train-depth", folder, "--output", tmp_path, "--from", start)
    assert code == 2
    assert re.search(message, output), output
