"""The same scenes as a Unity folder, as SOLO and as COCO train the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from solo_writer import write_exr, write_solo
from terminal import unity_depth

from unity_depth_perception.dataset.reader import UnityDataset


def write_coco(path: Path, data: UnityDataset) -> Path:
    """Write the masks of a dataset as run-length codes, the largest object of each image first."""
    images, annotations = [], []
    for k, sample in enumerate(data):
        height, width = sample.image.shape[:2]
        images.append({"id": k, "file_name": sample.name, "width": width, "height": height})
        for item in reversed(sample.objects):
            code = coco_mask.encode(np.asfortranarray(sample.instances == item.id + 1, dtype=np.uint8))
            code = {"size": [height, width], "counts": code["counts"].decode()}
            category = data.categories.index(item.category) + 1
            entry = {"id": len(annotations) + 1, "image_id": k, "category_id": category, "segmentation": code}
            annotations.append(entry)
    categories = [{"id": k, "name": name} for k, name in enumerate(data.categories, start=1)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def forms_of(folder: Path, count: int) -> dict[str, tuple[str | Path, ...]]:
    """Arguments of a training for each form of the same scenes, with depth as .exr; names and split are equal."""
    result = unity_depth("synthesize", folder / "unity", "--count", str(count), "--size", "128x96", "--seed", "3")
    assert result.returncode == 0, result.stderr
    annotations = folder / "unity" / "annotations.json"
    content = json.loads(annotations.read_text())
    used = {item["category"] for image in content["images"] for item in image["objects"]}
    annotations.write_text(json.dumps(content | {"categories": sorted(used)}))
    data = UnityDataset(folder / "unity")
    write_solo(folder / "solo", data)
    write_coco(folder / "coco.json", data)
    for sample in data:
        path = folder / "unity" / "depth" / Path(sample.name).with_suffix(".npy").name
        path.unlink()
        write_exr(path.with_suffix(".exr"), np.nan_to_num(sample.depth_m, nan=0.0))
    return {
        "unity": (folder / "unity",),
        "solo": (folder / "solo",),
        "coco": (folder / "coco.json", "--images-dir", folder / "unity" / "images"),
    }


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=pytest.mark.long)])
def test_unity_solo_and_coco_train_the_segmentation_to_equal_weights(tmp_path: Path, count: int) -> None:
    steps = str(count // 2)
    weights = []
    for name, arguments in forms_of(tmp_path, count).items():
        options = ("--from", "pretrained", "--steps", steps, "--batch", "2", "--size", "128", "--device", "cpu")
        result = unity_depth("train-segmentation", *arguments, "--output", tmp_path / "run" / name, *options)
        assert result.returncode == 0, result.stderr
        weights.append((tmp_path / "run" / name / "compact_segmentation.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] == weights[2]


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=pytest.mark.long)])
def test_unity_exr_and_solo_train_depth_to_equal_weights(tmp_path: Path, count: int) -> None:
    forms = forms_of(tmp_path, count)
    weights = []
    for name in ("unity", "solo"):
        options = ("--steps", str(count // 2), "--batch", "2", "--device", "cpu")
        result = unity_depth("train-depth", *forms[name], "--output", tmp_path / "run" / name, *options)
        assert result.returncode == 0, result.stderr
        weights.append((tmp_path / "run" / name / "depth.safetensors").read_bytes())
    assert weights[0] == weights[1]
