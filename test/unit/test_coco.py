"""COCO instances files: polygons and run-length codes as samples, and problems with their location."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.coco import CocoDataset, examine_coco
from unity_depth_perception.dataset.coco_masks import decode_mask
from unity_depth_perception.dataset.files import write_image

SQUARE = [[2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]]  # 10 x 10 px


def run_length(mask: np.ndarray) -> dict[str, Any]:
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode()}


def content() -> dict[str, Any]:
    """One image of 30 x 20 px with a cup, a plate partly under it, and a crowd."""
    plate = np.zeros((20, 30), dtype=bool)
    plate[5:18, 5:28] = True
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 30, "height": 20}],
        "categories": [{"id": 9, "name": "plate"}, {"id": 3, "name": "cup"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": SQUARE},
            {"id": 2, "image_id": 7, "category_id": 9, "segmentation": run_length(plate)},
            {"id": 3, "image_id": 7, "category_id": 3, "segmentation": SQUARE, "iscrowd": 1},
        ],
    }


def write(folder: Path, data: Any) -> Path:
    write_image(folder / "a.png", np.full((20, 30, 3), 80, dtype=np.uint8))
    path = folder / "instances.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_masks_become_one_instance_image_with_the_smaller_on_top(tmp_path: Path) -> None:
    dataset = CocoDataset(write(tmp_path, content()))
    assert dataset.categories == ("cup", "plate")  # by id
    assert dataset.names == ("a.png",)
    assert dataset.size(0) == (30, 20)
    sample = dataset[0]
    assert sample.instances is not None
    by_name = {item.category: item for item in sample.objects}
    cup, plate = (sample.instances == by_name[name].id + 1 for name in ("cup", "plate"))
    assert cup.sum() == 100
    assert plate.sum() == 13 * 23 - 7 * 7  # what the cup covers
    assert by_name["cup"].bbox == (2, 2, 12, 12)
    assert len(sample.objects) == 2  # the crowd is none
    assert sample.depth_m is None


def test_images_may_be_in_another_folder(tmp_path: Path) -> None:
    path = write(tmp_path, content())
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "photos" / "a.png")
    assert CocoDataset(path, tmp_path / "photos")[0].image.shape == (20, 30, 3)
    (problem,) = examine_coco(path).problems
    assert str(tmp_path / "a.png") in problem


def test_fully_hidden_object_is_left_out(tmp_path: Path) -> None:
    data = content()
    same = {"id": 4, "image_id": 7, "category_id": 9, "segmentation": SQUARE}
    data["annotations"] = [data["annotations"][0], same]
    sample = CocoDataset(write(tmp_path, data))[0]
    assert len(sample.objects) == 1
    assert sample.instances is not None
    assert sample.instances.max() == 1


@pytest.mark.parametrize("form", ["polygons", "uncompressed", "compressed"])
def test_all_encodings_of_a_mask_decode_to_the_same_mask(form: str) -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[2:12, 2:12] = True
    runs = np.diff(np.flatnonzero(np.diff(np.r_[2, mask.ravel(order="F"), 2]))).tolist()
    forms = {
        "polygons": SQUARE,
        "uncompressed": {"size": [20, 30], "counts": runs},
        "compressed": run_length(mask),
    }
    assert np.array_equal(decode_mask(forms[form], 30, 20), mask)


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    found = examine_coco(write(tmp_path, content()))
    assert found.problems == ()
    assert (found.images, found.objects) == (1, 2)
    (note,) = found.notes
    assert note.startswith("instances.json: expected several objects")
    assert note.endswith("got 1 cup, 1 plate")


def test_doctor_looks_for_images_in_the_given_folder(tmp_path: Path) -> None:
    path = write(tmp_path, content())
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "photos" / "a.png")
    runner = CliRunner()
    assert runner.invoke(app, ["doctor", str(path)]).exit_code == 1
    assert runner.invoke(app, ["doctor", str(path), "--images-dir", str(tmp_path / "photos")]).exit_code == 0


def _second(kind: str, **changes: Any) -> Any:
    return lambda data: data[kind].append({**data[kind][0], **changes})


def _set(kind: str, **changes: Any) -> Any:
    return lambda data: data[kind][0].update(changes)


PROBLEMS = {
    "image id twice": (_second("images", file_name="b.png"), "images: id 7 occurs more than once"),
    "file twice": (_second("images", id=8), r"images: file_name a\.png occurs more than once"),
    "annotation id twice": (_second("annotations"), "annotations: id 1 occurs more than once"),
    "category twice": (_second("categories", id=5), "categories: name plate occurs more than once"),
    "no such image": (_set("annotations", image_id=5), "annotation 1: there is no image 5"),
    "no such category": (_set("annotations", category_id=5), "annotation 1: there is no category 5"),
    "no size": (_set("images", width=0), "a.png: expected width and height"),
    "missing key": (
        lambda data: data["annotations"][0].pop("segmentation"),
        r"annotations\[0\]: expected the key segm",
    ),
    "no images": (lambda data: data.update(images=[], annotations=[]), "images: expected at least one"),
    "no categories": (lambda data: data.update(categories=[], annotations=[]), "categories: expected at least one"),
    "id a list": (
        _set("annotations", id=[1]),
        r"annotations\[0\]: expected the key id with a value of type int or str",
    ),
    "image a list": (_set("annotations", image_id=[7]), r"annotations\[0\]: expected the key image_id"),
    "file a number": (_set("images", file_name=5), r"images\[0\]: expected the key file_name with a value of type str"),
    "category unnamed": (_set("categories", name=""), r"categories\[0\]: expected the key name"),
    "size a text": (_set("images", width="30"), r"images\[0\]: expected the key width with a value of type int"),
    "size of no image": (_set("images", width=10**9), "a.png: expected width and height from 1 to 32768 px"),
    "another size": (_set("images", width=31), r"a\.png: expected 31 x 20 px as its entry says, got 30 x 20"),
    "empty mask": (_set("annotations", segmentation=[]), r"annotation 1 \(a\.png\): its mask has no pixel"),
    "no polygon": (_set("annotations", segmentation=[[1.0, 2.0, 3.0]]), r"annotation 1 \(a\.png\): expected polygons"),
    "far outside": (
        _set("annotations", segmentation=[[0, 0, 1e300, 0, 0, 5]]),
        r"annotation 1 \(a\.png\): expected polygons in an image of 30 x 20 px, got a point at 1e\+300",
    ),
    "size of a code a number": (_set("annotations", segmentation={"size": 5, "counts": [25]}), "got 5"),
    "runs of texts": (_set("annotations", segmentation={"size": [20, 30], "counts": ["x"]}), r"run lengths .* \['x'\]"),
    "no runs": (_set("annotations", segmentation={"size": [20, 30], "counts": ""}), "run lengths as a list"),
    "code of another size": (
        _set("annotations", segmentation={"size": [5, 5], "counts": [25]}),
        r"annotation 1 \(a\.png\): expected a run-length code of size \[20, 30\]",
    ),
    "runs that do not fit": (
        _set("annotations", segmentation={"size": [20, 30], "counts": [5]}),
        "expected run lengths that sum to 600 px, got 5",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problem_is_listed_with_its_location(tmp_path: Path, name: str) -> None:
    spoil, message = PROBLEMS[name]
    data = content()
    spoil(data)
    with pytest.raises(DatasetError, match=message):
        raise DatasetError("; ".join(examine_coco(write(tmp_path, data)).problems))


def test_crowd_annotation_needs_no_object_keys(tmp_path: Path) -> None:
    data = content()
    before = examine_coco(write(tmp_path, data))
    data["annotations"].append({"iscrowd": 1})
    assert examine_coco(write(tmp_path, data)) == before


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', '{"images": 1, "annotations": [], "categories": []}'])
def test_another_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match="expected COCO instances"):
        CocoDataset(path)
    assert len(examine_coco(path).problems) == 1


def test_inconsistent_file_is_refused(tmp_path: Path) -> None:
    data = content()
    _second("annotations")(data)
    with pytest.raises(DatasetError, match="id 1 occurs more than once"):
        CocoDataset(write(tmp_path, data))
