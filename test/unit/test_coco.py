"""COCO instances files: polygons and run-length codes as samples, and problems with their location."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.checks.findings import raise_if_problems
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
    crowd, note = found.notes
    assert crowd.startswith("instances.json: 1 annotation is a crowd (iscrowd 1) and left out, 2 objects are left")
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
    "size a text": (_set("images", width="30 px"), r"images\[0\]: expected the key width with a value of type int"),
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
    data["annotations"].append({"iscrowd": 1})
    found = examine_coco(write(tmp_path, data))
    assert (found.problems, found.objects) == ((), 2)
    assert "2 annotations are crowds" in found.notes[0]


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', '{"images": 1, "annotations": [], "categories": []}'])
def test_another_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match="COCO instances"):
        CocoDataset(path)
    assert len(examine_coco(path).problems) == 1


def test_inconsistent_file_is_refused(tmp_path: Path) -> None:
    data = content()
    _second("annotations")(data)
    with pytest.raises(DatasetError, match="id 1 occurs more than once"):
        CocoDataset(write(tmp_path, data))


def test_crowds_are_objects_on_request_and_told_where_nothing_else_is_there(tmp_path: Path) -> None:
    data = content()
    for entry in data["annotations"]:
        entry["iscrowd"] = 1
    path = write(tmp_path, data)
    (problem,) = examine_coco(path).problems
    assert "all 3 annotations are crowds (iscrowd 1)" in problem
    assert "--use-crowds" in problem
    found = examine_coco(path, use_crowds=True)
    assert (found.problems, found.objects) == ((), 3)
    assert len(CocoDataset(path, use_crowds=True)[0].objects) == 2  # two crowds are the same pixels


def test_root_category_that_nothing_uses_is_left_out(tmp_path: Path) -> None:
    data = content()
    for entry in data["categories"]:
        entry["supercategory"] = "kitchen"
    data["categories"].insert(0, {"id": 0, "name": "kitchen", "supercategory": "none"})
    path = write(tmp_path, data)
    assert CocoDataset(path).categories == ("cup", "plate")
    assert any("'kitchen' is left out" in note for note in examine_coco(path).notes)


def test_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    data = content()
    data["categories"].append({"id": 12, "name": "cup"})
    data["annotations"][1]["category_id"] = 12
    path = write(tmp_path, data)
    assert CocoDataset(path).categories == ("cup", "plate")
    assert {item.category for item in CocoDataset(path)[0].objects} == {"cup"}
    assert any("cup is the name of several categories" in note for note in examine_coco(path).notes)


@pytest.mark.parametrize(
    ("name", "folder", "file"),
    [
        ("JPEGImages\\a.png", None, "JPEGImages/a.png"),
        ("JPEGImages\\a.png", "photos", "photos/a.png"),
        ("/data/local-files/images/сцена 1.png", "photos", "photos/сцена 1.png"),
        ("/data/local-files/?d=images/%D1%81%D1%86%D0%B5%D0%BD%D0%B0%201.png", "photos", "photos/сцена 1.png"),
        ("https://example.org/upload/a%20b.png?x=1", "photos", "photos/a b.png"),
        ("a%20b.png", None, "a b.png"),
        ("C:\\Users\\Иван\\Рабочий стол\\a.png", "photos", "photos/deep/er/a.png"),
        ("images/a.png", "photos", "photos/a.png"),
        ("100%.png", None, "100%.png"),
    ],
)
def test_name_of_another_machine_is_found(tmp_path: Path, name: str, folder: str | None, file: str) -> None:
    data = content()
    data["images"][0]["file_name"] = name
    path = write(tmp_path, data)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a.png").rename(tmp_path / file)
    images_dir = None if folder is None else tmp_path / folder
    assert examine_coco(path, images_dir).problems == ()
    assert CocoDataset(path, images_dir)[0].image.shape == (20, 30, 3)


def test_bare_name_of_several_images_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, content())
    for folder in ("x", "y"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        write_image(tmp_path / "photos" / folder / "a.png", np.zeros((20, 30, 3), np.uint8))
    (problem,) = examine_coco(path, tmp_path / "photos").problems
    assert "several images of this name" in problem


@pytest.mark.parametrize(
    "name", ["../secret.png", "/dev/zero", "link.png", "pipe", "a\0.png", "\ud800.png", "x" * 5000]
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    data = content()
    path = write(folder, data)
    (folder / "a.png").rename(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(folder / "pipe")
    data["images"][0]["file_name"] = name
    path.write_text(json.dumps(data), encoding="utf-8")
    (problem,) = examine_coco(path).problems
    assert "leads out of this folder" in problem or "no such file" in problem or "expected" in problem
    assert len(problem) < 1000


def test_degenerate_polygon_is_dropped_and_its_object_kept(tmp_path: Path) -> None:
    data = content()
    good, line = SQUARE[0], [3.0, 3.0, 9.0, 9.0]
    data["annotations"][0]["segmentation"] = [line, good, [1.0, 1.0] * 4]
    lone = {"id": 9, "image_id": 7, "category_id": 3, "segmentation": [line]}
    data["annotations"].append(lone)
    path = write(tmp_path, data)
    found = examine_coco(path)
    assert found.problems == ()
    assert any("annotation 1 (a.png): a polygon of less than three points" in note for note in found.notes)
    assert any("annotation 9 (a.png)" in note and "the object is left out" in note for note in found.notes)
    assert [item.category for item in CocoDataset(path)[0].objects] == ["plate", "cup"]


@pytest.mark.parametrize("missing", [True, False])
def test_boxes_without_masks_are_told_in_one_line(tmp_path: Path, missing: bool) -> None:
    data = content()
    data["annotations"] = [entry | {"bbox": [2, 2, 10, 10]} for entry in data["annotations"][:2]]
    for entry in data["annotations"]:
        entry["segmentation"] = []
        if missing:
            del entry["segmentation"]
    (problem,) = examine_coco(write(tmp_path, data)).problems
    assert "there are no masks in this file: its 2 objects have boxes alone" in problem


def test_object_with_a_box_alone_is_left_out_and_counted(tmp_path: Path) -> None:
    data = content()
    data["annotations"][0] |= {"segmentation": [], "bbox": [2, 2, 10, 10]}
    found = examine_coco(write(tmp_path, data))
    assert (found.problems, found.objects) == ((), 1)
    assert any("1 objects have a box but no mask" in note for note in found.notes)


def test_numbers_written_as_floats_and_texts_are_whole_numbers(tmp_path: Path) -> None:
    data = content()
    data["images"][0] |= {"id": 7.0, "width": 30.0, "height": "20"}
    data["annotations"][0] |= {"image_id": "7", "iscrowd": False}
    data["annotations"][0]["segmentation"] = SQUARE[0]  # VIA: a flat list
    path = write(tmp_path, data)
    assert examine_coco(path).problems == ()
    assert len(CocoDataset(path)[0].objects) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_file_with_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, content())
    path.write_text(json.dumps(content()).replace("\n", "\r\n"), encoding=encoding)
    assert examine_coco(path).problems == ()


def test_size_of_the_image_as_stored_names_exif(tmp_path: Path) -> None:
    data = content()
    data["images"][0]["file_name"] = "a.jpg"
    path = write(tmp_path, data)
    image = Image.fromarray(np.full((20, 30, 3), 80, dtype=np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    (problem,) = examine_coco(path).problems
    assert "expected 30 x 20 px as its entry says, got 20 x 30; its EXIF orientation 6" in problem


@pytest.mark.parametrize(
    "counts", ["\n0\u001a\0\u001c|\u00ba#\u00d8", "0" * 99, "o" * 40, "PPPP", "oooo5", "5" * 10**5]
)
def test_run_length_string_that_would_corrupt_memory_is_refused(counts: str) -> None:
    with pytest.raises(ValueError, match=r"run-length|run lengths") as caught:
        decode_mask({"size": [3, 7], "counts": counts}, 7, 3)
    assert len(str(caught.value)) < 400


def test_run_length_strings_of_pycocotools_are_decoded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        height, width = rng.integers(1, 90, 2)
        mask = rng.random((height, width)) < rng.random() ** 2
        assert (decode_mask(run_length(mask), int(width), int(height)) == mask).all()


def test_findings_of_one_kind_are_one_line_with_a_count(tmp_path: Path) -> None:
    data = content()
    data["images"] += [{"id": k, "file_name": f"{k}.png", "width": 30, "height": 20} for k in range(100, 140)]
    with pytest.raises(DatasetError, match=r"100.png.*no such file.* \(and 39 more like this\)$") as caught:
        raise_if_problems("file", examine_coco(write(tmp_path, data)).problems)
    assert "40 problems" in str(caught.value)
