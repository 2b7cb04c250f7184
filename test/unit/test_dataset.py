"""Dataset folder: written samples are read back unchanged, inconsistent folders are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.dataset.files import read_depth, write_depth
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter

CAMERA = Camera.from_vertical_fov(1.0, 20, 12)
CUBE = ObjectDistance(0, "red_cube", (2, 3, 8, 9), DistanceStatistics(0.8, 0.81, 0.8, 0.79, 0.9), pixel_count=36)
BOX = ObjectDistance(1, "blue_parallelepiped", (9, 3, 12, 6), parent_id=0, score=0.5, position_m=(0.1, 0.2, 0.8))


def make_sample(name: str = "00000.png", objects: tuple[ObjectDistance, ...] = (CUBE, BOX)) -> Sample:
    rng = np.random.default_rng(len(name))
    depth = rng.uniform(0.5, 2, (12, 20)).astype(np.float32)
    depth[0, :2] = np.nan, np.inf
    instances = np.zeros((12, 20), np.uint16)
    for o in objects:
        x_min, y_min, x_max, y_max = o.bbox
        instances[y_min:y_max, x_min:x_max] = o.id + 1
    pose = matrix_from_pose((0.1, -0.5, 0.7), (0.5, -0.4, 0.3, 0.6))
    image = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    return Sample(name, image, CAMERA, objects, depth, instances, pose)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "set"
    with DatasetWriter(path, CAMERA) as writer:
        writer.add(make_sample())
        writer.add(make_sample("00001.png", ()))
    return path


def test_written_sample_is_read_back_unchanged(folder: Path) -> None:
    dataset = UnityDataset(folder)
    read, written = dataset[0], make_sample()
    np.testing.assert_array_equal(read.image, written.image)
    np.testing.assert_array_equal(read.depth_m, written.depth_m)  # NaN and Inf too
    np.testing.assert_array_equal(read.instances, written.instances)
    np.testing.assert_allclose(read.world_from_camera, written.world_from_camera, atol=1e-12)
    assert [o.to_json() for o in read.objects] == [o.to_json() for o in written.objects]
    assert (len(dataset), [s.name for s in dataset]) == (2, ["00000.png", "00001.png"])
    assert dataset.categories == ("blue_parallelepiped", "red_cube")
    assert dataset.camera.k == pytest.approx(CAMERA.k)


def test_stamp_is_read_back_where_an_image_has_one(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set", CAMERA) as writer:
        writer.add(replace(make_sample(), stamp_ns=1_700_000_000_123_456_789))
        writer.add(make_sample("00001.png", ()))
    assert [sample.stamp_ns for sample in UnityDataset(tmp_path / "set")] == [1_700_000_000_123_456_789, None]


def test_millimetre_depth_keeps_half_a_millimetre(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, CAMERA, depth_format="png") as writer:
        writer.add(make_sample())
    depth, truth = UnityDataset(tmp_path)[0].depth_m, make_sample().depth_m
    assert depth is not None
    assert truth is not None
    assert np.isnan(depth[0, :2]).all()  # neither NaN nor Inf has a value in millimetres
    np.testing.assert_allclose(depth[1:], truth[1:], atol=0.000501)


def test_zero_and_negative_metres_are_invalid(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[0.0, -1.0, -np.inf, np.inf, 2.0]]))
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy"), [[np.nan, np.nan, np.nan, np.inf, 2.0]])


def test_listed_categories_keep_their_order(tmp_path: Path) -> None:
    names = ("red_cube", "green_cube", "blue_parallelepiped")
    with DatasetWriter(tmp_path, CAMERA, categories=names) as writer:
        writer.add(make_sample())
    assert UnityDataset(tmp_path).categories == names


def test_an_interrupted_writer_leaves_a_readable_folder(tmp_path: Path) -> None:
    def interrupted() -> None:
        with DatasetWriter(tmp_path, CAMERA) as writer:
            writer.add(make_sample())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (tmp_path / "images" / "00009.png").write_bytes(b"half written")  # not named in annotations.json
    assert [s.name for s in UnityDataset(tmp_path)] == ["00000.png"]


def _edit(change: Callable[[dict], object]) -> Callable[[Path], None]:  # type: ignore[type-arg]
    def apply(folder: Path) -> None:
        path = folder / "annotations.json"
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return apply


def _objects(data: dict) -> list[dict]:  # type: ignore[type-arg]
    return data["images"][0]["objects"]  # type: ignore[no-any-return]


def _no_images(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.unlink()


def _wrong_mask_size(folder: Path) -> None:
    write_depth(folder / "masks" / "00000.png", np.ones((12, 10), np.float32))


BROKEN_FOLDERS = {
    "no images": (_no_images, "expected images such as 00042.png"),
    "no annotations": (lambda f: (f / "annotations.json").unlink(), "annotations.json: .*no such file"),
    "empty annotations": (lambda f: (f / "annotations.json").write_text(""), "annotations.json: expected .* JSON"),
    "annotations not JSON": (lambda f: (f / "annotations.json").write_text("{version"), "expected .* JSON"),
    "annotations a list": (lambda f: (f / "annotations.json").write_text("[]"), "JSON object .* got list"),
    "wrong version": (_edit(lambda d: d.update(version=2)), "expected version 1, got 2"),
    "no version": (_edit(lambda d: d.pop("version")), "expected version 1, got None"),
    "no list of images": (_edit(lambda d: d.update(images={})), "list of images .* got dict"),
    "names no image": (_edit(lambda d: d.update(images=[])), "at least one image"),
    "image missing": (lambda f: (f / "images" / "00001.png").unlink(), r"images/00001.png: .*no such file"),
    "image name is a path": (_edit(lambda d: d["images"][0].update(image="../x.png")), "plain file name"),
    "image twice": (_edit(lambda d: d["images"][1].update(image="00000.png")), "00000.png: named more than once"),
    "mask missing": (lambda f: (f / "masks" / "00000.png").unlink(), r"masks/00000.png: its image has objects"),
    "mask of another size": (_wrong_mask_size, r"masks/00000.png: expected 20 x 12 .* got 10 x 12"),
    "depth of another size": (
        lambda f: write_depth(f / "depth" / "00000.npy", np.ones((24, 40), np.float32)),
        r"depth/00000.npy: expected 20 x 12 .* got 40 x 24",
    ),
    "depth pickled": (
        lambda f: np.save(f / "depth" / "00000.npy", np.array([None]), allow_pickle=True),
        "00000.npy: expected an array",
    ),
    "image no png": (
        lambda f: (f / "images" / "00000.png").write_bytes(b"JFIF"),
        "00000.png: expected a JPEG or PNG image",
    ),
    "id twice": (_edit(lambda d: _objects(d)[1].update(id=0, parent_id=None)), "00000.png: id 0 occurs more than once"),
    "parent missing": (_edit(lambda d: _objects(d)[1].update(parent_id=7)), "object 1 stands on object 7"),
    "circle of parents": (_edit(lambda d: _objects(d)[0].update(parent_id=1)), "object 0 stands.* on itself"),
    "object without category": (_edit(lambda d: _objects(d)[0].pop("category")), r"objects\[0\].*missing: category"),
    "object no object": (_edit(lambda d: _objects(d).append(3)), "list of JSON objects"),
    "pose without orientation": (
        _edit(lambda d: d["images"][0].update(camera_pose={"position": [0, 0, 0]})),
        "00000.png: expected camera_pose",
    ),
    "stamp below zero": (
        _edit(lambda d: d["images"][0].update(stamp_ns=-1)),
        "00000.png: expected stamp_ns as a whole",
    ),
    "stamp in seconds": (
        _edit(lambda d: d["images"][0].update(stamp_ns=0.5)),
        "00000.png: expected stamp_ns as a whole",
    ),
    "category not listed": (_edit(lambda d: d.update(categories=["red_cube"])), "lacks blue_parallelepiped"),
    "intrinsics missing": (lambda f: (f / "camera_intrinsics.json").unlink(), "camera_intrinsics.json: .*no such file"),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN_FOLDERS.values(), ids=BROKEN_FOLDERS.keys())
def test_a_broken_folder_is_refused(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(DatasetError, match=message):
        UnityDataset(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        UnityDataset(tmp_path / "nowhere")


def test_all_problems_are_listed_in_one_error(folder: Path) -> None:
    (folder / "images" / "00001.png").unlink()
    (folder / "masks" / "00000.png").unlink()
    with pytest.raises(DatasetError, match=r"(?s)2 problems.*masks/00000.png.*images/00001.png"):
        UnityDataset(folder)


BROKEN_FRAMES = {
    "truncated image": (lambda f: _truncate(f / "images" / "00000.png"), "images/00000.png: .*truncated"),
    "unknown object in the mask": (
        _edit(lambda d: _objects(d).pop()),
        r"masks/00000.png: holds the values \[2\].*ids \[1\]",
    ),
    "integer depth": (
        lambda f: np.save(f / "depth" / "00000.npy", np.ones((12, 20), np.int32)),
        "00000.npy: expected depth .* float metres, got .* int32",
    ),
}


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(("damage", "message"), BROKEN_FRAMES.values(), ids=BROKEN_FRAMES.keys())
def test_broken_frame_is_an_error_and_the_next_one_is_read(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    dataset = UnityDataset(folder)
    with pytest.raises(DatasetError, match=message):
        dataset[0]
    assert dataset[1].name == "00001.png"


BAD_SAMPLES = {
    "name taken": (make_sample(), "added already"),
    "name is a path": (replace(make_sample(), name="a/b.png"), "plain file name"),
    "other camera": (
        replace(make_sample("b.png"), camera=Camera.from_vertical_fov(1.1, 20, 12)),
        "expected the dataset's",
    ),
    "no mask": (replace(make_sample("b.png"), instances=None), "needs an instance image"),
    "unknown parent": (replace(make_sample("b.png"), objects=(BOX,)), "object 0, which does not exist"),
}


@pytest.mark.parametrize(("sample", "message"), BAD_SAMPLES.values(), ids=BAD_SAMPLES.keys())
def test_writer_refuses_an_inconsistent_sample(tmp_path: Path, sample: Sample, message: str) -> None:
    with DatasetWriter(tmp_path, CAMERA) as writer:
        writer.add(make_sample())
        with pytest.raises(DatasetError, match=message):
            writer.add(sample)
    assert len(UnityDataset(tmp_path)) == 1


def test_writer_refuses_a_folder_that_holds_a_dataset(folder: Path) -> None:
    with pytest.raises(DatasetError, match="holds a dataset already"):
        DatasetWriter(folder, CAMERA)
