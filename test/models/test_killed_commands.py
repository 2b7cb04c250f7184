"""SIGKILL at random moments: the next call goes on or says in one line why not, and nothing half is taken for whole."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from terminal import unity_depth

from unity_depth_perception.dataset.examination import examine
from unity_depth_perception.dataset.files import read_image
from unity_depth_perception.dataset.reader import UnityDataset

SIZE = ("--count", "6", "--seed", "5", "--size", "96x64")
FEW = ("--batch", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed") / "scenes"
    assert unity_depth("synthesize", folder, *SIZE).returncode == 0
    return folder


def call_of(command: str, dataset: Path, output: Path) -> list[str | Path]:
    """Arguments of a command that writes to `output`."""
    if command == "synthesize":
        return ["synthesize", output, *SIZE]
    if command == "estimate":
        camera = dataset / "camera_intrinsics.json"
        return ["estimate", dataset / "images", "--intrinsics", camera, "--output", output, "--overwrite"]
    if command == "evaluate":
        return ["evaluate", dataset, "--output", output]
    if command == "train-depth":
        return ["train-depth", dataset, "--output", output, "--steps", "4", *FEW]
    options = ("--from", "pretrained", "--steps", "4", "--size", "64", *FEW)
    return ["train-segmentation", dataset, "--output", output, *options]


def run_and_kill(arguments: list[str | Path], seconds: float) -> None:
    """Run a command in a child process and kill it after a time, unless it has ended before."""
    child = os.fork()  # torch is imported already: a new interpreter would be killed while it imports
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            unity_depth(*arguments)
        finally:
            os._exit(0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def check_synthesize(output: Path, dataset: Path, again: Callable[[], object]) -> None:
    left = len(UnityDataset(output)) if (output / "annotations.json").is_file() else 0
    assert left == 0 or examine(output).problems == ()
    result = unity_depth(*call_of("synthesize", dataset, output))
    if result.returncode:
        assert result.returncode == 2
        assert result.stderr.startswith(f"unity-depth: {output}: expected a new or empty folder")
        assert len(result.stderr.splitlines()) == 1
        assert left == 0 or len(UnityDataset(output)) == left
    else:
        assert len(UnityDataset(output)) == 6
        assert not list(output.rglob("*.partial"))


def check_estimate(output: Path, dataset: Path, again: Callable[[], object]) -> None:
    for _ in range(2):
        results = output / "results.json"
        entries = json.loads(results.read_text())["images"] if results.is_file() else []
        for entry in entries:
            stem = Path(entry["image"]).stem
            assert np.load(output / f"{stem}_depth.npy").shape == (64, 96)
            assert read_image(output / f"{stem}_overlay.png").shape == (64, 96, 3)
            assert (output / f"{stem}.ply").is_file()
        again()
    assert len(entries) == 6


def check_evaluate(output: Path, dataset: Path, again: Callable[[], object]) -> None:
    report = output / "scenes" / "compact" / "report.json"
    if report.is_file():
        assert json.loads(report.read_text())["frames"] == 6
    again()
    assert json.loads(report.read_text())["frames"] == 6
    assert len(json.loads((output / "comparison.json").read_text())["reports"]) == 1


def check_training(output: Path, dataset: Path, again: Callable[[], object]) -> None:
    again()
    (weights,) = output.glob("*.safetensors")
    uninterrupted = dataset.parent / f"whole_{weights.name}"
    if not uninterrupted.exists():
        uninterrupted.write_bytes(weights.read_bytes())
    assert weights.read_bytes() == uninterrupted.read_bytes()


CHECKS = {
    "synthesize": check_synthesize,
    "estimate": check_estimate,
    "evaluate": check_evaluate,
    "train-depth": check_training,
    "train-segmentation": check_training,
}


@pytest.mark.parametrize("command", CHECKS)
@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.long)])
def test_killed_command_goes_on_or_says_why_not(dataset: Path, tmp_path: Path, command: str, kills: int) -> None:
    started = time.monotonic()
    assert unity_depth(*call_of(command, dataset, tmp_path / "whole")).returncode == 0
    duration = time.monotonic() - started
    CHECKS[command](tmp_path / "whole", dataset, lambda: None)
    moments = random.Random(command)
    for number in range(kills):
        output = tmp_path / f"killed_{number}"
        arguments = call_of(command, dataset, output)
        run_and_kill(arguments, duration * moments.random())

        def again(arguments: list[str | Path] = arguments, output: Path = output) -> None:
            result = unity_depth(*arguments)
            assert result.returncode == 0, result.stderr
            assert not list(output.rglob("*.partial"))

        CHECKS[command](output, dataset, again)
