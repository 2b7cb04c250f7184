"""Several datasets as one, and what the check of a dataset compares."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.examination import examine
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.sources import CombinedDataset
from unity_depth_perception.dataset.writer import DatasetWriter

CAMERA = Camera.from_vertical_fov(1.0, 20, 12)


def write(folder: Path, category: str = "red_cube", unit: float = 1.0, images: int = 2) -> UnityDataset:
    instances = np.zeros((12, 20), np.uint16)
    instances[6:10, 4:9], instances[0:4, 4:9] = 1, 2
    depth_m = np.full((12, 20), 2.0, np.float32)
    distance = DistanceStatistics(median=2.0 * unit)
    objects = tuple(ObjectDistance(k, category, (4, y, 9, y + 4), distance) for k, y in enumerate((6, 0)))
    with DatasetWriter(folder, CAMERA) as writer:
        for k in range(images):
            writer.add(Sample(f"{k:05d}.png", np.full((12, 20, 3), k, np.uint8), CAMERA, objects, depth_m, instances))
    return UnityDataset(folder)


def test_several_datasets_are_one_after_the_other(tmp_path: Path) -> None:
    both = CombinedDataset([write(tmp_path / "a"), write(tmp_path / "b", "plank", images=3)])
    assert len(both) == 5
    assert both.names == ("a_00000.png", "a_00001.png", "b_00000.png", "b_00001.png", "b_00002.png")
    assert both.categories == ("red_cube", "plank")
    assert [sample.image[0, 0, 0] for sample in both] == [0, 1, 0, 1, 2]
    assert both[4].name == "b_00002.png"
    assert both.size(4) == (20, 12)
    assert len({both.fingerprint(k) for k in range(5)}) == 5
    with pytest.raises(IndexError):
        both[5]


def test_datasets_of_one_name_with_images_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="different names"):
        CombinedDataset([write(tmp_path / "x" / "a"), write(tmp_path / "y" / "a")])


def test_fingerprint_changes_with_image_mask_depth_annotation_and_camera(tmp_path: Path) -> None:
    dataset = write(tmp_path / "a")
    seen = {dataset.fingerprint(0)}
    for file in ("images/00000.png", "masks/00000.png", "depth/00000.npy"):
        with (dataset.path / file).open("ab") as stream:
            stream.write(b"x")
        seen.add(UnityDataset(dataset.path).fingerprint(0))
    for name, old, new in (("annotations", "red_cube", "red_ball"), ("camera_intrinsics", "20", "20.0001")):
        path = dataset.path / f"{name}.json"
        text = path.read_text()
        path.write_text(text.replace(old, new) if name == "annotations" else _focal(text))
        seen.add(UnityDataset(dataset.path).fingerprint(0))
    assert len(seen) == 6
    assert UnityDataset(dataset.path).fingerprint(1) == UnityDataset(dataset.path).fingerprint(1)


def _focal(text: str) -> str:
    data = json.loads(text)
    return json.dumps(data | {"focal_length_x": data["focal_length_x"] * 1.01})


@pytest.mark.parametrize(
    ("unit", "word"), [(1.0, None), (100.0, "centimetres"), (1000.0, "millimetres"), (1.5, "1.5 times the depth")]
)
def test_factor_between_annotated_distances_and_depth_is_noted(tmp_path: Path, unit: float, word: str | None) -> None:
    write(tmp_path / "a", unit=unit)
    notes = examine(tmp_path / "a").notes
    assert notes == () if word is None else any(word in note for note in notes)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"principal_point_x": 0.5, "principal_point_y": 0.5}, "seems to be in units of the image"),
        ({"principal_point_x": 1.0, "principal_point_y": 6}, "far from the image's centre 10, 6"),
        ({"fov_vertical": 90.0}, "the focal lengths differ by a factor of 1.83"),
    ],
)
def test_camera_that_contradicts_itself_is_noted(tmp_path: Path, values: dict[str, float], word: str) -> None:
    path = write(tmp_path / "a").path / "camera_intrinsics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    assert any(word in note for note in examine(tmp_path / "a").notes)


def test_dataset_of_an_interrupted_writer_is_noted_and_readable(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    sample = write(tmp_path / "whole")[0]
    writer = DatasetWriter(folder, CAMERA)
    writer.add(sample)
    writer.__exit__(KeyboardInterrupt, None, None)
    assert len(UnityDataset(folder)) == 1
    assert any("interrupted" in note for note in examine(folder).notes)
