"""The `unity-depth` command as a person calls it: exit codes, messages, files."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from terminal import unity_depth

import unity_depth_perception
from unity_depth_perception.cli import main
from unity_depth_perception.cli.doctor import command as doctor
from unity_depth_perception.cli.options import DEPTH_MODELS
from unity_depth_perception.dataset.bag.samples import BagDataset
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.models.registry import depth_model_names
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M
from unity_depth_perception.synthetic.seeds import FIRST_TRAINING_SEED, IMAGES_PER_SEED, LARGEST_SEED, scene_seed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "data"
    result = unity_depth("synthesize", folder, "--count", "3", "--seed", "7", "--size", "96x64")
    assert result.returncode == 0, result.stderr
    return folder


def test_help_lists_the_commands_and_does_not_load_torch() -> None:
    code = (
        "import sys; from unity_depth_perception.cli.main import main; sys.argv[1:] = ['--help']\n"
        "try: main()\nexcept SystemExit as end: print('exit', end.code, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "exit 0 False" in result.stdout
    assert all(name in result.stdout for name in ("evaluate", "synthesize", "benchmark", "doctor"))


def test_synthesize_writes_a_dataset_with_all_ground_truth(dataset: Path) -> None:
    data = UnityDataset(dataset)
    assert len(data) == 3
    samples = [data[index] for index in range(3)]
    assert {(sample.camera.width, sample.camera.height) for sample in samples} == {(96, 64)}
    assert all(sample.depth_m is not None and sample.instances is not None for sample in samples)
    assert all(sample.objects and sample.world_from_camera is not None for sample in samples)
    assert (samples[0].image != samples[1].image).any()


def test_synthesize_refuses_a_folder_with_something_in_it(dataset: Path) -> None:
    before = sorted(dataset.rglob("*"))
    result = unity_depth("synthesize", dataset, "--count", "1")
    assert result.returncode == 2
    assert "new or empty folder" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(dataset.rglob("*")) == before


def test_seed_determines_the_folder(tmp_path: Path, dataset: Path) -> None:
    for name, seed in (("same", "7"), ("other", "8")):
        unity_depth("synthesize", tmp_path / name, "--count", "1", "--seed", seed, "--size", "96x64")
    first = UnityDataset(dataset)[0]
    assert (UnityDataset(tmp_path / "same")[0].image == first.image).all()
    other = UnityDataset(tmp_path / "other")[0]
    assert other.camera.fy != first.camera.fy
    assert (other.image != first.image).any()


def test_given_field_of_view_is_that_of_the_camera(tmp_path: Path) -> None:
    result = unity_depth("synthesize", tmp_path, "--count", "1", "--size", "64x64", "--vertical-fov", "60")
    assert result.returncode == 0, result.stderr
    assert UnityDataset(tmp_path)[0].camera.fy == pytest.approx(55.4256, abs=1e-3)


def test_tour_is_the_same_as_a_folder_and_as_a_bag(tmp_path: Path) -> None:
    call = ("--tour", "3", "--rate", "5", "--motion", "walk", "--moving-objects", "--seed", "7", "--size", "96x64")
    assert unity_depth("synthesize", tmp_path / "folder", *call).returncode == 0
    data = UnityDataset(tmp_path / "folder")
    samples = [data[index] for index in range(3)]
    assert [sample.stamp_ns for sample in samples] == [200_000_000, 400_000_000, 600_000_000]
    assert (samples[0].world_from_camera != samples[1].world_from_camera).any()
    for storage in ("mcap", "sqlite3"):
        assert unity_depth("synthesize", tmp_path / storage, *call, "--bag", storage).returncode == 0
        recorded = list(BagDataset(tmp_path / storage))
        assert [sample.stamp_ns for sample in recorded] == [sample.stamp_ns for sample in samples]
        for one, other in zip(samples, recorded, strict=True):
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.depth_m, other.depth_m)
            assert np.array_equal(one.instances, other.instances)
            assert np.allclose(one.world_from_camera, other.world_from_camera, atol=1e-9)
            links = [[(item.id, item.category, item.parent_id) for item in s.objects] for s in (one, other)]
            assert links[0] == links[1]


def test_given_edge_is_that_of_the_cubes(tmp_path: Path, dataset: Path) -> None:
    result = unity_depth(
        *("synthesize", tmp_path, "--count", "1", "--seed", "7", "--size", "96x64", "--cube-edge", "0.14")
    )
    assert result.returncode == 0, result.stderr
    depths_m = [UnityDataset(folder)[0].depth_m for folder in (tmp_path, dataset)]
    assert all(depth_m is not None for depth_m in depths_m)
    np.testing.assert_allclose(depths_m[0] / depths_m[1], 2, rtol=1e-3)


def test_images_have_unique_seeds_that_no_training_uses() -> None:
    seeds = {scene_seed(seed, index) for seed in (0, 1, 2, LARGEST_SEED) for index in (0, 1, IMAGES_PER_SEED - 1)}
    assert len(seeds) == 12
    assert min(seeds) >= 2 * FIRST_TRAINING_SEED
    assert max(seeds) < 2**63


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synthesize", "x", "--size", "96"], "WIDTHxHEIGHT"),
        (["synthesize", "x", "--size", "8x8"], "at least 16 px"),
        (["synthesize", "x", "--count", "0"], "count"),
        (["synthesize", "x", "--seed", str(LARGEST_SEED + 1)], "seed"),
        (["synthesize", "x", "--vertical-fov", "180"], "field of view"),
        (["synthesize", "x", "--tour", "0"], "tour"),
        (["synthesize", "x", "--kind", "garden"], "room, open, table, mixed; got 'garden'"),
        (["synthesize", "x", "--tour", "2", "--kind", "open"], "a tour of a room, got --kind open"),
        (["synthesize", "x", "--tour", "2", "--motion", "fly"], "orbit, walk, stop-and-go; got 'fly'"),
        (["synthesize", "x", "--tour", "2", "--size", "32x32", "--bag", "rosbag1"], "mcap, sqlite3; got 'rosbag1'"),
        (["synthesize", "x", "--bag", "mcap"], "add --tour N"),
        (["synthesize", "x", "--motion", "walk"], "add --tour N"),
        (["evaluate", "no/such/folder", "--output", "x"], "no/such/folder"),
        (["evaluate", "no/such/folder", "--output", "x", "--masks", "guess"], "masks"),
        (["train-depth", "no/such/folder", "--output", "x"], "no/such/folder"),
        (["train-segmentation", "no/such/folder", "--output", "x"], "no/such/folder"),
        (["train-segmentation", "virtual", "--output", "x", "--epochs", "2"], "--epochs: expected a dataset"),
        (["train-segmentation", "data", "--output", "x", "--epochs", "2", "--steps", "9"], "and no --steps"),
        (["frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_exit_code_2_and_a_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    arguments = [str(tmp_path / "x") if argument == "x" else argument for argument in arguments]
    result = unity_depth(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "x").exists()


def test_evaluate_with_the_truth_of_both_stages_is_flawless(dataset: Path, tmp_path: Path) -> None:
    result = unity_depth("evaluate", dataset, "--output", tmp_path, "--masks", "truth", "--depth", "truth")
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "data" / "truth" / "report.json").read_text())
    assert report["frames"] == 3
    assert report["depth"]["abs_rel"] == 0
    assert report["objects"]["precision"] == report["objects"]["recall"] == 1
    assert report["models"] == {"depth": "truth", "segmentation": "truth"}


def test_evaluate_reports_readable_images_and_fails_if_one_is_not(dataset: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(dataset, broken)
    depth = broken / "depth" / "00001.npy"
    np.save(depth, np.load(depth).astype(np.int16))
    result = unity_depth("evaluate", broken, "--output", tmp_path / "report", "--masks", "truth", "--depth", "truth")
    assert result.returncode == 1
    assert "00001.npy: expected depth (H, W) in float metres" in " ".join(result.stdout.split())
    report = json.loads((tmp_path / "report" / "broken" / "truth" / "report.json").read_text())
    assert (report["frames"], [failure["image"] for failure in report["failed"]]) == (2, ["00001.png"])


def test_evaluate_takes_the_floor_plane_baseline(dataset: Path, tmp_path: Path) -> None:
    arguments = ("--output", tmp_path, "--masks", "truth", "--depth-model", "floor-plane", "--limit", "2")
    result = unity_depth("evaluate", dataset, *arguments)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "data" / "floor-plane" / "report.json").read_text())
    assert report["frames"] == 2
    assert report["models"]["depth"] == "floor-plane"
    assert 0.05 < report["depth"]["abs_rel"] < 2


def test_evaluate_refuses_an_output_that_is_no_folder(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    result = unity_depth("evaluate", dataset, "--output", tmp_path / "taken", "--masks", "truth", "--depth", "truth")
    assert result.returncode == 2
    assert "taken" in result.stderr


def test_evaluate_names_an_unknown_model(dataset: Path, tmp_path: Path) -> None:
    result = unity_depth("evaluate", dataset, "--output", tmp_path, "--masks", "truth", "--depth-model", "no-such")
    assert result.returncode == 2
    assert "no-such" in result.stderr
    assert "compact" in result.stderr


def test_doctor_names_every_part_of_the_machine() -> None:
    result = unity_depth("doctor")
    assert result.returncode in (0, 1), result.stderr
    assert all(name in result.stdout for name in ("Python", "torch", "device", "ROS 2"))


def test_doctor_finds_the_embedded_weights_from_any_folder(tmp_path: Path) -> None:
    """Started elsewhere, the package's first folder may be that of the generated messages."""
    source = Path(main.__file__).parents[2]
    start = f"import sys; sys.path.append({str(source)!r}); "
    code = start + "from unity_depth_perception.cli.doctor import command; print(command.check_weights())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count("state='ok'") == 2, done.stdout


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[doctor.Finding]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))
    monkeypatch.setattr(sys, "argv", ["unity-depth", "doctor"])
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main.main()


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.ENOENT], ids=["no right", "no space", "no file"])
def test_system_error_when_writing_is_one_line(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused() -> list[doctor.Finding]:
        raise OSError(code, os.strerror(code), "some/file")

    monkeypatch.setattr(doctor, "CHECKS", (refused,))
    if code == errno.ENOENT:  # whoever expected that file has a bug
        monkeypatch.setattr(sys, "argv", ["unity-depth", "doctor"])
        with pytest.raises(FileNotFoundError):
            main.main()
        return
    result = unity_depth("doctor")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"unity-depth: some/file: {os.strerror(code)}; choose another place\n"


def test_doctor_fails_where_something_must_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [doctor.Finding("weights", doctor.PROBLEM, "none")],))
    assert unity_depth("doctor").returncode == 1
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [doctor.Finding("weights", doctor.NOTE, "old")],))
    assert unity_depth("doctor").returncode == 0


def test_missing_files_are_told_before_torch_is_imported(tmp_path: Path) -> None:
    calls = [
        ["estimate", "no.png", "--vertical-fov", "60", "--output", "out"],
        ["estimate", "no.png", "--vertical-fov", "60", "--output", "out", "--depth-weights", "no.pth"],
        ["evaluate", "no", "--output", "out"],
        ["train-depth", "no", "--output", "out"],
        ["train-segmentation", "virtual", "--from", "no.safetensors", "--output", "out"],
    ]
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from unity_depth_perception.cli.main import main\n"
        f"for call in {calls!r}:\n"
        "    sys.argv[1:] = call\n"
        "    try: main()\n"
        "    except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert result.stdout.split() == ["2", "False"] * len(calls), result.stderr
    assert result.stderr.count("no such") == len(calls)


def test_version_is_printed() -> None:
    assert unity_depth("--version").stdout == f"{unity_depth_perception.__version__}\n"


def test_help_names_the_models_and_shows_defaults_as_they_are_typed() -> None:
    shown = " ".join(unity_depth("synthesize", "--help").stdout.split())
    assert "[default: 1024x1024]" in shown
    assert "[default: 0.07]" in shown
    assert CUBE_EDGE_M == 0.07
    assert set(DEPTH_MODELS) == set(depth_model_names())
    shown = "".join(unity_depth("estimate", "--help").stdout.split()).replace("│", "")
    assert all(name in shown for name in DEPTH_MODELS)


@pytest.mark.parametrize("name", ["[/x]", "[red]scenes", "x" * 300, "a\nb"])
def test_names_are_shown_as_they_are(tmp_path: Path, name: str) -> None:
    result = unity_depth("doctor", name)
    assert result.returncode in (1, 2)
    assert "Traceback" not in result.stderr
    assert name[:5].splitlines()[0] in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["train-segmentation", "train-depth"])
def test_training_removes_nothing_that_it_did_not_write(dataset: Path, tmp_path: Path, command: str) -> None:
    shutil.copytree(dataset, tmp_path / "work" / "data")
    before = sorted(tmp_path.rglob("*"))
    options = ("--steps", "1", "--batch", "2", "--device", "cpu")
    result = unity_depth(command, tmp_path / "work" / "data", "--output", tmp_path / "work", *options)
    assert result.returncode == 2
    assert "expected a folder apart from the dataset" in result.stderr
    thesis = tmp_path / "project" / "data" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("precious")
    result = unity_depth(command, tmp_path / "work" / "data", "--output", tmp_path / "project", *options)
    assert result.returncode == 2
    assert "data: exists already and was not written by this package" in result.stderr
    assert thesis.read_text() == "precious"
    assert sorted((tmp_path / "work").rglob("*")) == [path for path in before if "work/" in str(path)]


def test_damaged_state_of_a_training_is_named_in_one_line(dataset: Path, tmp_path: Path) -> None:
    call = ("train-depth", dataset, "--output", tmp_path, "--steps", "1", "--batch", "2", "--device", "cpu")
    assert unity_depth(*call).returncode == 0
    for name in ("settings.json", "split.json", "fine_tuning.json", "checkpoint.pt"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        result = unity_depth(*call)
        assert result.returncode == 2, name
        assert name in result.stderr
        assert len(result.stderr.strip().splitlines()[-1:]) == 1
        assert "Traceback" not in result.stderr
        (tmp_path / name).write_bytes(whole)
    assert unity_depth(*call).returncode == 0
