"""The dataset folder that C# writes, read and examined by Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mono import Mono

from unity_depth_perception.cli.doctor.command import check_dataset
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.synthetic.samples import true_object


@pytest.mark.parametrize("culture", ["ru-RU", "de-DE", "tr-TR"])
def test_dataset_passes_doctor_without_a_remark(mono: Mono, core_probe: Path, tmp_path: Path, culture: str) -> None:
    assert mono.run(core_probe, "dataset", culture, str(tmp_path), "6") == "6\n"
    (finding,) = check_dataset(tmp_path)
    assert (finding.state, finding.detail) == ("ok", "6 images, 12 objects")


def test_dataset_says_what_its_pixels_say(mono: Mono, core_probe: Path, tmp_path: Path) -> None:
    mono.run(core_probe, "dataset", "de-DE", str(tmp_path), "3")
    dataset = UnityDataset(tmp_path)
    assert dataset.camera.cy == 23.25
    for sample in dataset:
        assert sample.depth_m is not None
        assert sample.instances is not None
        assert np.isposinf(sample.depth_m[:8]).all()
        assert sample.image[7, 9, :2].tolist() == [36, 35]
        for item in sample.objects:
            own = sample.instances == item.id + 1
            expected = true_object(item.id, item.category, item.parent_id, own, sample.depth_m, sample.camera)
            assert item.bbox == expected.bbox
            assert item.pixel_count == expected.pixel_count
            assert item.distance.median == pytest.approx(expected.distance.median)
            assert item.distance.center == pytest.approx(expected.distance.center)
    upper, lower = dataset[0].objects
    assert (upper.category, upper.id, upper.parent_id) == ("green_parallelepiped", 0, 1)
    assert (lower.category, lower.id, lower.parent_id) == ("red_cube", 1, None)
    pose = dataset[2].world_from_camera
    assert pose is not None
    np.testing.assert_allclose(pose[:3, 3], [0.5, -0.5, 1.5])
    np.testing.assert_allclose(pose[:3, 2], [1, 0, 0], atol=1e-12)  # the optical frame looks forward


def test_killed_run_goes_on_where_it_was(mono: Mono, core_probe: Path, tmp_path: Path) -> None:
    mono.run(core_probe, "dataset", "", str(tmp_path / "whole"), "5")
    mono.run(core_probe, "dataset", "", str(tmp_path / "cut"), "2")
    journal = tmp_path / "cut" / ".annotations.journal"
    journal.write_text(journal.read_text()[:-40])  # killed while it wrote the second line
    (tmp_path / "cut" / "annotations.json").unlink()
    assert mono.run(core_probe, "dataset", "", str(tmp_path / "cut"), "5") == "5\n"
    for path in sorted((tmp_path / "whole").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "cut" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_dataset_of_other_settings_is_refused(mono: Mono, core_probe: Path, tmp_path: Path) -> None:
    mono.run(core_probe, "dataset", "", str(tmp_path), "1")
    journal = tmp_path / ".annotations.journal"
    journal.write_text(journal.read_text().replace("synthetic", "seed 7"))
    with pytest.raises(pytest.fail.Exception, match="was begun with other settings"):
        mono.run(core_probe, "dataset", "", str(tmp_path), "1")
    journal.unlink()
    with pytest.raises(pytest.fail.Exception, match="holds a dataset that this capture has not begun"):
        mono.run(core_probe, "dataset", "", str(tmp_path), "1")


@pytest.mark.parametrize("seed", range(6))
def test_measurement_equals_the_truth_of_synthetic_scenes(mono: Mono, core_probe: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = Camera(40, 30, 35.0, 36.0, 19.0, 14.0)
    cell = (1, 2, 5)[seed % 3]  # px
    coarse = rng.integers(0, 6, (30 // cell, 40 // cell))
    ids = np.kron(coarse, np.ones((cell, cell), dtype=int))
    depth = rng.choice(rng.uniform(0.5, 4, (3, 5000)[seed % 2]), ids.shape).astype(
        np.float32
    )  # with many ties, with few
    depth[rng.random(ids.shape) < 0.1] = np.inf
    depth[ids == 5] = np.inf
    rows = [
        f"{camera.width} {camera.height} {camera.fx} {camera.fy} {camera.cx} {camera.cy}",
        " ".join(map(str, ids.ravel())),
        " ".join(repr(float(x)) if np.isfinite(x) else "-1" for x in depth.ravel()),
    ]
    lines = mono.run(core_probe, "measure", text="\n".join(rows)).splitlines()
    values = [value for value in range(1, 6) if (ids == value).any()]
    for value, line in zip(values, lines, strict=True):
        expected = true_object(value, "x", None, ids == value, depth, camera)
        d = expected.distance
        wanted = [value, *expected.bbox, expected.pixel_count, expected.valid_ratio, d.center, d.mean, d.median, d.min]
        wanted += [d.max]
        found = [float(word) for word in line.split()]
        np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-9)
        if np.isfinite(d.median):
            np.testing.assert_allclose(found[len(wanted) :], expected.position_m, rtol=1e-9)


def test_json_is_json_in_any_culture(mono: Mono, core_probe: Path) -> None:
    texts = {mono.run(core_probe, "json", culture) for culture in ("", "ru-RU", "tr-TR", "fa-IR")}
    (text,) = texts
    parsed = json.loads(text)
    assert parsed['Iı−"\\\n😀'] == "TITLE İ\t\x01"
    assert parsed["numbers"] == [0.1, -1234567.891, 1e-300, None, None, -7, 5e20]
    assert (parsed["none"], parsed["empty"]) == (None, {})


@pytest.mark.long
def test_dataset_trains_and_evaluates(mono: Mono, core_probe: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from unity_depth_perception.cli.main import app

    scenes = tmp_path / "scenes"
    mono.run(core_probe, "dataset", "ru-RU", str(scenes), "6")
    training = ["train-segmentation", str(scenes), "--output", str(tmp_path / "run"), "--steps", "2", "--device", "cpu"]
    evaluation = ["evaluate", str(scenes), "--output", str(tmp_path / "report"), "--depth", "truth", "--masks", "truth"]
    for command in (training, evaluation):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report" / "scenes" / "truth" / "report.json").read_text())
    assert report
    shutil.rmtree(tmp_path / "run")
