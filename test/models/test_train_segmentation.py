"""`train-segmentation` on small datasets: complete training, interruption and resuming, bad datasets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from terminal import unity_depth

from unity_depth_perception.core.objects import shape_of
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.models.checkpoints.safetensors_file import load_description
from unity_depth_perception.models.registry import create_segmenter
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.seeds import scene_seed

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
TOY = ("--size", "128", "--device", "cpu")


def write(folder: Path, count: int) -> Path:
    """A dataset of categories that the embedded weights do not have: crates and planks."""
    names = {"cube": "crate", "parallelepiped": "plank"}
    samples = render_samples((scene_seed(5, k) for k in range(count)), 144, 108, fov_rad=0.6)
    with DatasetWriter(folder, samples[0].camera, categories=("crate", "plank")) as writer:
        for k, sample in enumerate(samples):
            objects = tuple(replace(item, category=names[shape_of(item.category)]) for item in sample.objects)
            writer.add(replace(sample, name=f"{k:05d}.png", objects=objects))
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("dataset") / "data", 60)


@pytest.mark.long
def test_training_on_sixty_images_improves_on_its_initial_weights(dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    options = ("--from", "pretrained", "--steps", "48", "--patience", "0", *TOY)
    result = unity_depth("train-segmentation", dataset, "--output", output, *options)
    assert result.returncode == 0, result.stderr
    log = [json.loads(line) for line in (output / "detector" / "log.jsonl").read_text().splitlines()]
    start = next(entry["validation"]["mask AP50"] for entry in log if "validation" in entry)
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["mask_ap50"] > start + 0.1
    assert set(metrics["recall"]) == {"crate", "plank"}
    split = json.loads((output / "split.json").read_text())
    assert (len(split["train"]), len(split["validation"])) == (48, 12)
    for name in ("worst.png", "random.png"):
        assert cv2.imread(str(output / name)).shape[0] > 4 * 300

    path = output / "compact_segmentation.safetensors"
    description = load_description(path)
    assert description["categories"] == ["crate", "plank"]
    assert description["input_size"] == 128
    assert description["metrics"] == metrics
    assert [len(colour) for colour in description["colours"]] == [3, 3]
    segmenter = create_segmenter(str(path), CPU)
    with torch.inference_mode():
        sample = UnityDataset(dataset)[0]
        predicted = segmenter.infer(torch.from_numpy(sample.image), sample.camera)
    assert set(predicted.categories) <= {"crate", "plank"}
    again = unity_depth("train-segmentation", dataset, "--output", output, "--seed", "1", *TOY)
    assert again.returncode == 2
    assert "a training was started here with --from pretrained, --seed 0; go on with that" in again.stderr


@pytest.mark.long
def test_killed_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    """SIGKILL leaves the checkpoint of the last validation; SIGINT lets the training write a checkpoint."""
    dataset = write(tmp_path / "data", 6)
    call = [sys.executable, "-m", "unity_depth_perception.cli.main", "train-segmentation", str(dataset), *TOY]
    call += ["--steps", "12", "--batch", "2", "--output"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for kill in (signal.SIGKILL, signal.SIGINT):
        output = tmp_path / kill.name
        process = subprocess.Popen(
            [*call, str(output)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for_steps(output / "detector" / "log.jsonl", 4)
        process.send_signal(kill)
        process.wait(timeout=120)
    whole, killed, stopped = (tmp_path / name for name in ("whole", "SIGKILL", "SIGINT"))
    for output in (whole, killed, stopped):
        result = unity_depth(*call[3:-1], "--output", output)
        assert result.returncode == 0, result.stderr
    weights = [(output / "compact_segmentation.safetensors").read_bytes() for output in (whole, killed, stopped)]
    assert weights[0] == weights[1] == weights[2]


def _wait_for_steps(log: Path, steps: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if log.is_file() and f'"step": {steps}' in log.read_text():
            return
        time.sleep(0.2)
    raise AssertionError(f"no step {steps} in {log}")


@pytest.mark.parametrize(
    "network",
    ["compact", *(pytest.param(name, marks=pytest.mark.long) for name in ("mobilenet_v3_large", "resnet50_fpn_v2"))],
)
def test_network_trains_on_a_coco_file_from_random_weights(tmp_path: Path, network: str) -> None:
    data = UnityDataset(write(tmp_path / "data", 3))
    entries = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "crate"}, {"id": 2, "name": "plank"}]}
    for k, sample in enumerate(data):
        entries["images"].append({"id": k, "file_name": sample.name, "width": 144, "height": 108})
        for item in sample.objects:
            x_min, y_min, x_max, y_max = item.bbox
            entries["annotations"].append(
                {
                    "id": len(entries["annotations"]),
                    "image_id": k,
                    "category_id": data.categories.index(item.category) + 1,
                    "segmentation": [[x_min, y_min, x_max, y_min, x_max, y_max, x_min, y_max]],
                }
            )
    (tmp_path / "instances.json").write_text(json.dumps(entries), encoding="utf-8")
    call = ("train-segmentation", tmp_path / "instances.json", "--images-dir", tmp_path / "data" / "images")
    options = ("--network", network, "--epochs", "1", "--batch", "2", "--size", "64", "--device", "cpu")
    result = unity_depth(*call, "--output", tmp_path / "run", *options)
    assert result.returncode == 0, result.stderr
    path = tmp_path / "run" / f"{network}_segmentation.safetensors"
    assert create_segmenter(str(path), CPU).categories == ("crate", "plank")
    assert load_description(path)["training"]["steps"] == 1


def test_train_segmentation_names_every_problem_of_a_dataset_and_writes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 2)
    content = json.loads((folder / "annotations.json").read_text())
    first = content["images"][0]["objects"]
    first[0]["parent_id"] = 77
    content["images"][1]["objects"][0]["id"] = 99
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    result = unity_depth("train-segmentation", folder, "--output", tmp_path / "run", *TOY)
    assert result.returncode == 2
    assert "00000.png" in result.stderr
    assert "77" in result.stderr
    assert "00001.png" in result.stderr
    assert not (tmp_path / "run").exists()
