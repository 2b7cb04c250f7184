"""`doctor DATASET`: all problems of a folder are listed, each with its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.cli.training_options import open_datasets
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.examination import examine
from unity_depth_perception.dataset.files import write_mask
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter

CAMERA = Camera.from_vertical_fov(1.0, 20, 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images with a cube and what stands on it."""
    path = tmp_path / "set"
    instances = np.zeros((12, 20), np.uint16)
    instances[6:10, 4:9], instances[2:6, 5:8] = 1, 2
    objects = (
        ObjectDistance(0, "red_cube", (4, 6, 9, 10)),
        ObjectDistance(1, "blue_parallelepiped", (5, 2, 8, 6), parent_id=0),
    )
    with DatasetWriter(path, CAMERA) as writer:
        for name in ("00000.png", "00001.png"):
            writer.add(Sample(name, np.zeros((12, 20, 3), np.uint8), CAMERA, objects, None, instances))
    return path


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit the second image's entry in annotations.json."""
    path = folder / "annotations.json"
    data = json.loads(path.read_text())
    edit(data["images"][1])
    path.write_text(json.dumps(data))


def set_object(index: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda image: image["objects"][index].update(values)


def test_a_good_folder_has_no_problem(folder: Path) -> None:
    found = examine(folder)
    assert (found.images, found.objects, found.problems, found.notes) == (2, 4, (), ())


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (set_object(1, id=0, parent_id=None), "annotations.json: 00001.png: id 0 occurs more than once"),
        (set_object(1, parent_id=7), "annotations.json: 00001.png: object 1 stands on object 7, which does not exist"),
        (set_object(0, parent_id=1), "annotations.json: 00001.png: object 0 stands, through its parents, on itself"),
        (set_object(1, bbox=[5, 5, 5, 5]), "annotations.json: 00001.png, objects[1]"),
        (
            set_object(1, bbox=[5, 2, 21, 6]),
            "annotations.json: 00001.png: object 1 (blue_parallelepiped): expected a bbox",
        ),
        (
            set_object(1, bbox=[9, 8, 12, 11]),
            "masks/00001.png: object 1 (blue_parallelepiped) has no pixel in its bbox",
        ),
        (
            lambda image: image.update(image="00001.jpg"),
            "annotations.json: images[1]: expected 'image' as a plain file",
        ),
    ],
    ids=[
        "duplicate id",
        "no such parent",
        "circle of parents",
        "empty box",
        "box beyond the image",
        "box elsewhere",
        "no png",
    ],
)
def test_inconsistent_annotations_are_problems(folder: Path, edit: Callable[[dict[str, Any]], None], text: str) -> None:
    change(folder, edit)
    assert any(problem.startswith(text) for problem in examine(folder).problems)


def test_object_without_a_pixel_is_a_problem(folder: Path) -> None:
    write_mask(folder / "masks" / "00001.png", np.zeros((12, 20), np.uint16))
    assert examine(folder).problems == (
        "masks/00001.png: object 0 (red_cube) has no pixel",
        "masks/00001.png: object 1 (blue_parallelepiped) has no pixel",
    )


def test_mask_of_another_size_is_a_problem(folder: Path) -> None:
    write_mask(folder / "masks" / "00000.png", np.zeros((6, 10), np.uint16))
    (problem,) = examine(folder).problems
    assert problem.startswith("masks/00000.png: expected 20 x 12 px")


def test_missing_file_and_unannotated_value_are_problems(folder: Path) -> None:
    """Problems of all images are listed."""
    (folder / "images" / "00000.png").unlink()
    mask = np.full((12, 20), 9, np.uint16)
    mask[6, 4], mask[2, 5] = 1, 2
    write_mask(folder / "masks" / "00001.png", mask)
    first, second = examine(folder).problems
    assert first.startswith("images/00000.png: named in annotations.json")
    assert second.startswith("masks/00001.png: holds the values [9]")


def test_category_that_is_listed_twice_is_a_problem(folder: Path) -> None:
    path = folder / "annotations.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"categories": ["red_cube", "blue_parallelepiped"] * 2}))
    assert examine(folder).problems == tuple(
        f"annotations.json: the list of categories names {name} more than once"
        for name in ("blue_parallelepiped", "red_cube")
    )


def test_missing_depth_is_a_problem_for_a_training_of_depth(folder: Path) -> None:
    """Where some images have depth, the doctor notes those that have none."""
    assert examine(folder).notes == ()
    assert len(examine(folder, needs_depth=True).problems) == 2
    np.save(folder / "depth" / "00000.npy", np.full((12, 20), np.inf, np.float32))
    unknown = ("depth/00001: expected true depth as .png, .exr or .npy, found none",)
    assert (examine(folder).problems, examine(folder).notes) == ((), unknown)
    assert examine(folder, needs_depth=True).problems == unknown
    np.save(folder / "depth" / "00001.npy", np.full((12, 20), np.nan, np.float32))
    unknown = ("depth/00001.npy: expected true depth, but no pixel has one",)
    assert (examine(folder).notes, examine(folder, needs_depth=True).problems) == (unknown, unknown)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda data: [image.update(objects=[]) for image in data["images"]], "expected objects to train on"),
        (lambda data: data["images"].pop(), "expected at least 2 images"),
    ],
    ids=["no object", "one image"],
)
def test_dataset_that_a_training_cannot_use_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], None], text: str
) -> None:
    path = folder / "annotations.json"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    for mask in (folder / "masks").iterdir() if not data["images"][0]["objects"] else ():
        write_mask(mask, np.zeros((12, 20), np.uint16))
    assert examine(folder).problems == ()
    with pytest.raises(DatasetError, match=rf"^{folder}: {text}"):
        open_datasets([folder])


def test_a_category_with_one_object_is_noted(folder: Path) -> None:
    change(folder, set_object(0, category="green_cube"))
    found = examine(folder)
    assert found.problems == ()
    (note,) = found.notes
    assert note.startswith("annotations.json: expected several objects of each category")
    assert note.endswith("got 1 green_cube, 1 red_cube")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"fov_vertical": 90}, "fov_vertical says 90 deg, but focal_length_y and height make 57.30 deg"),
        ({"principal_point_x": 900}, "expected a principal point inside the image, got 899.5, 5.5 px"),
        ({"focal_length_x": 30}, "expected square pixels, got focal_length_x 30 and focal_length_y 10.98"),
    ],
    ids=["field of view", "principal point", "pixels"],
)
def test_unusual_camera_is_noted(folder: Path, values: dict[str, float], text: str) -> None:
    path = folder / "camera_intrinsics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    found = examine(folder)
    assert found.problems == ()
    (note,) = found.notes
    assert note.startswith(f"camera_intrinsics.json: {text}")


def test_folder_that_is_no_dataset_is_a_problem(tmp_path: Path) -> None:
    assert "no such folder" in examine(tmp_path / "none").problems[0]
    (tmp_path / "file").touch()
    assert "expected a dataset folder, got a file" in examine(tmp_path / "file").problems[0]
    assert "no such file" in examine(tmp_path).problems[0]


def test_doctor_lists_the_problems_and_fails(folder: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["doctor", str(folder)]).exit_code == 0
    change(folder, set_object(1, parent_id=7))
    result = runner.invoke(app, ["doctor", str(folder)])
    assert result.exit_code == 1
    assert "does not exist" in " ".join(result.output.split())
