"""`unity-depth evaluate` over bags and datasets: layout, exact errors, equal JSON however it runs, resumption."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import evaluation_scenes
import numpy as np
import pytest
from bag_files import recording, write_bag
from terminal import unity_depth

from unity_depth_perception.core.objects import DistanceStatistics
from unity_depth_perception.dataset.bag.sample_messages import write_sample
from unity_depth_perception.dataset.bag.samples import BagDataset
from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.runs.plan import Models, RunOptions, plan_runs
from unity_depth_perception.evaluation.runs.pool import execute_parallel
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.synthetic.samples import render_samples

TRUE = ("--depth", "truth", "--masks", "truth")
MODELS = ("--depth-model", "floor-plane", "--depth-model", "compact", "--masks", "truth")
JSON = ("report.json", "comparison.json", "manifest.json")


def write_scenes(path: Path, change: Callable[[Sample], Sample] = lambda sample: sample, count: int = 3) -> Path:
    """A bag of virtual scenes."""
    with BagWriter(path) as bag:
        for index, sample in enumerate(render_samples(range(5, 5 + count), 160, 120)):
            write_sample(bag, change(replace(sample, stamp_ns=(1 + index) * 10**9)))
    return path


def reports(folder: Path) -> dict[str, bytes]:
    """The JSON files that must be the same in every run, by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json") if path.name in JSON}


def report_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bags")
    return write_scenes(folder / "one"), write_bag(folder / "two", recording(4))


@pytest.fixture(scope="module")
def serial(bags: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("serial") / "out"
    result = unity_depth("evaluate", *bags, "--output", output, *MODELS)
    assert result.returncode == 0, result.stderr
    return output


def test_each_source_and_model_has_its_report_and_all_are_compared(serial: Path) -> None:
    found = {str(path.parent.relative_to(serial)) for path in serial.rglob("report.json")}
    assert found == {f"{source}/{model}" for source in ("one", "two") for model in ("floor-plane", "compact")}
    comparison = json.loads((serial / "comparison.json").read_text())
    assert len(comparison["reports"]) == 4
    for entry in comparison["reports"]:
        report = report_of(serial / entry["source"] / entry["model"])
        assert entry["depth"] == report["depth"]
        assert report["threads"] == 1
        assert "fps" not in report
        assert report["models"]["depth"] == entry["model"]
    timing = json.loads((serial / "one" / "compact" / "timing.json").read_text())
    assert timing["fps"] > 0
    assert timing["peak_memory_mb"] > 10


def test_two_processes_write_the_same_json_as_one(bags: tuple[Path, Path], serial: Path, tmp_path: Path) -> None:
    result = unity_depth("evaluate", *bags, "--output", tmp_path / "out", *MODELS, "--workers", "2")
    assert result.returncode == 0, result.stderr
    assert reports(tmp_path / "out") == reports(serial)
    assert len(reports(serial)) == 6


@pytest.mark.long  # test_killed_commands kills one in the default ring
def test_killed_evaluation_goes_on_where_it_ended(tmp_path: Path) -> None:
    bags = [write_bag(tmp_path / f"bag{number}", recording(4)) for number in range(6)]
    assert unity_depth("evaluate", *bags, "--output", tmp_path / "whole", *TRUE).returncode == 0
    output = tmp_path / "out"
    child = os.fork()  # torch is imported already
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            unity_depth("evaluate", *bags, "--output", output, *TRUE)
        finally:
            os._exit(0)
    manifest, deadline_s = output / "manifest.json", time.monotonic() + 60
    while not manifest.exists() and time.monotonic() < deadline_s:
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    done = [run["source"] for run in json.loads(manifest.read_text())["runs"]]
    assert 1 <= len(done) < 6
    times_ns = {name: (output / name / "truth" / "report.json").stat().st_mtime_ns for name in done}
    result = unity_depth("evaluate", *bags, "--output", output, *TRUE)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("kept:") == len(done)
    assert reports(output) == reports(tmp_path / "whole")
    assert {name: (output / name / "truth" / "report.json").stat().st_mtime_ns for name in done} == times_ns
    assert not list(output.rglob("*.partial"))


def test_finished_runs_are_kept_unless_their_inputs_change(bags: tuple[Path, Path], tmp_path: Path) -> None:
    source = write_bag(tmp_path / "mine", recording(2))
    calls = [((), 0), ((), 1), (("--limit", "1"), 0), (("--limit", "1"), 1)]
    for more, kept in calls:
        result = unity_depth("evaluate", source, "--output", tmp_path / "out", *TRUE, *more)
        assert (result.returncode, result.stdout.count("kept:")) == (0, kept), result.stderr
    os.utime(next(source.glob("*.mcap")), ns=(1, 1))
    result = unity_depth("evaluate", source, "--output", tmp_path / "out", *TRUE, "--limit", "1")
    assert "kept:" not in result.stdout


def test_unreadable_bag_is_reported_while_the_rest_goes_on(bags: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"nothing")
    sources = (tmp_path / "broken.mcap", bags[1])
    result = unity_depth("evaluate", *sources, "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 1
    assert "no report" in result.stderr
    assert "broken.mcap: cannot read the bag" in " ".join(result.stderr.split())
    runs = json.loads((tmp_path / "out" / "manifest.json").read_text())["runs"]
    assert [(run["source"], run["state"]) for run in runs] == [("broken", "failed"), ("two", "done")]
    assert len(json.loads((tmp_path / "out" / "comparison.json").read_text())["reports"]) == 1
    again = unity_depth("evaluate", *sources, "--output", tmp_path / "out", *TRUE)
    assert (again.returncode, again.stdout.count("kept:")) == (1, 1)


def test_nothing_but_unreadable_sources_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"nothing")
    result = unity_depth("evaluate", tmp_path / "broken.mcap", "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 2
    assert "unity-depth: " in result.stderr
    assert not (tmp_path / "out" / "comparison.json").exists()


@pytest.mark.long
def test_process_that_ends_fails_its_run_alone(bags: tuple[Path, Path], tmp_path: Path) -> None:
    """A source whose reading ends the process: here a sink that exits, in place of a lack of memory."""
    good, bad = RunOptions(limit=1), RunOptions(limit=1, open_sink=_end_the_process)
    runs = [
        *plan_runs([bags[0]], [Models(None, None)], tmp_path / "out", bad),
        *plan_runs([bags[1]], [Models(None, None)], tmp_path / "out", good),
    ]
    outcomes = {run.source_name: outcome.error for run, outcome in execute_parallel(runs, ["cpu", "cpu"])}
    assert outcomes["two"] is None
    assert outcomes["one"] is not None
    assert "its process ended" in outcomes["one"]


def _end_the_process(path: Path, categories: tuple[str, ...]) -> Any:
    os._exit(9)


def test_true_depth_and_masks_have_no_error(bags: tuple[Path, Path], tmp_path: Path) -> None:
    result = unity_depth("evaluate", bags[0], "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 0, result.stderr
    report = report_of(tmp_path / "out" / "one" / "truth")
    assert report["frames"] == 3
    assert (report["depth"]["abs_rel"], report["depth"]["rmse"]) == (0, 0)
    objects = report["objects"]
    assert objects["precision"] == objects["recall"] == objects["mask_ap"] == 1
    assert objects["distance_p95_rel_error"] == pytest.approx(0, abs=1e-6)


def test_depth_that_is_a_tenth_too_large_puts_objects_a_tenth_too_far(tmp_path: Path) -> None:
    """The depth of the bag takes the place of the model; the true objects have their distances from the scene."""
    scenes = write_scenes(tmp_path / "scenes", lambda s: replace(s, depth_m=np.float32(1.1) * _array(s.depth_m)))
    result = unity_depth("evaluate", scenes, "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 0, result.stderr
    objects = report_of(tmp_path / "out" / "scenes" / "truth")["objects"]
    assert objects["distance_median_rel_error"] == pytest.approx(0.1, abs=1e-3)
    assert objects["distance_p95_rel_error"] == pytest.approx(0.1, abs=1e-3)


def test_depth_model_that_is_a_tenth_too_far_has_abs_rel_of_a_tenth_on_a_bag(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for index in range(3):
            write_sample(bag, replace(evaluation_scenes.make_sample(index), stamp_ns=(1 + index) * 10**9))
    evaluator = Evaluator(evaluation_scenes.ScaledDepth(1.1), None, evaluation_scenes.CPU)
    report = summarise(evaluator.evaluate(BagDataset(tmp_path / "bag")))
    assert report["frames"] == 3
    assert report["depth"]["abs_rel"] == pytest.approx(0.1, rel=1e-5)
    assert report["objects"]["distance_median_rel_error"] == pytest.approx(0.1, rel=1e-5)


def test_objects_that_the_truth_has_a_centimetre_farther_are_a_centimetre_off(tmp_path: Path) -> None:
    def farther(sample: Sample) -> Sample:
        return replace(
            sample,
            objects=tuple(
                replace(item, distance=DistanceStatistics(median=item.distance.median + 0.01))
                for item in sample.objects
            ),
        )

    scenes = write_scenes(tmp_path / "scenes", farther)
    result = unity_depth("evaluate", scenes, "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 0, result.stderr
    true_m = [item.distance.median for s in render_samples(range(5, 8), 160, 120) for item in s.objects]
    error = report_of(tmp_path / "out" / "scenes" / "truth")["objects"]["distance_median_rel_error"]
    assert error == pytest.approx(float(np.median([0.01 / (median + 0.01) for median in true_m])), rel=1e-3)


def test_sources_of_one_name_get_folders_of_their_own(tmp_path: Path) -> None:
    for side in ("a", "b"):
        write_bag(tmp_path / side / "bag", recording(1))
    sources = (tmp_path / "a" / "bag", tmp_path / "b" / "bag")
    result = unity_depth("evaluate", *sources, "--output", tmp_path / "out", *TRUE)
    assert result.returncode == 0, result.stderr
    assert {path.parent.parent.name for path in (tmp_path / "out").rglob("report.json")} == {"bag", "bag_2"}
    twice = unity_depth("evaluate", sources[0], sources[0], "--output", tmp_path / "out", *TRUE)
    assert twice.returncode == 2
    assert "each source once" in twice.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--depth-model", "compact", "--depth-model", "compact"), "expected each model once, got compact twice"),
        (("--depth-topic", "/none"), "--depth-topic /none: expected sensor_msgs/msg/Image, got no message"),
        (("--depth-model", "no-such"), "no-such"),
    ],
)
def test_wrong_options_are_named(bags: tuple[Path, Path], tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    result = unity_depth("evaluate", bags[1], "--output", tmp_path / "out", "--masks", "truth", *more)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())


def _array(depth_m: Any) -> Any:
    assert depth_m is not None
    return depth_m
