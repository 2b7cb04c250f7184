"""Shards and split of a dataset: resized images agree with the files, the split with its seed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.dataset.files import write_mask
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.training.data.batches import draw_batch, ray_channels
from unity_depth_perception.training.data.dataset_shards import DatasetSource
from unity_depth_perception.training.data.detection_targets import detection_targets
from unity_depth_perception.training.data.split import Split

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return render_samples(range(40, 44), 128, 96, fov_rad=1.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, samples: list[Sample]) -> UnityDataset:
    folder = tmp_path_factory.mktemp("dataset") / "data"
    with DatasetWriter(folder, samples[0].camera) as writer:
        for sample in samples:
            writer.add(sample)
    return UnityDataset(folder)


class InMemory:
    """Samples of any sizes."""

    def __init__(self, samples: list[Sample], categories: tuple[str, ...]) -> None:
        self.samples, self.categories = samples, categories
        self.names = [sample.name for sample in samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def size(self, index: int) -> tuple[int, int]:
        return self.samples[index].camera.width, self.samples[index].camera.height

    def fingerprint(self, index: int) -> str:
        return self.names[index]


def test_images_that_fit_are_stored_unchanged(dataset: UnityDataset, tmp_path: Path) -> None:
    source = DatasetSource(tmp_path / "data", dataset, range(4), 10**9)  # never enlarged
    (shard,) = source.available()
    for index, sample in enumerate(dataset):
        assert sample.depth_m is not None
        assert sample.instances is not None
        assert np.array_equal(shard.image[index], sample.image)
        assert np.allclose(shard.depth_m[index], sample.depth_m, rtol=1e-3)
        for item in sample.objects:
            (number,) = np.unique(shard.instances[index][sample.instances == item.id + 1])
            assert source.categories[shard.category[index, number - 1]] == item.category
        assert ((shard.instances[index] == 0) == (sample.instances == 0)).all()


def test_resized_images_keep_camera_and_floor_plane_consistent(dataset: UnityDataset, tmp_path: Path) -> None:
    """Points of the floor in a cropped and perhaps flipped batch lie on the floor plane of pose and camera.

    Depth is sampled by nearest neighbour, so single points are off by the slope over half a pixel, their median not.
    """
    source = DatasetSource(tmp_path / "data", dataset, range(4), 72 * 54)
    batch = draw_batch(source.available(), np.random.default_rng(1), 4, 64 * 48, CPU, least_crop=0.7)
    rays = ray_channels(batch.intrinsics, *batch.depth_m.shape[1:])
    points = torch.stack([rays[:, 0], rays[:, 1], torch.ones_like(rays[:, 0])], dim=1) * batch.depth_m[:, None]
    below = (points * batch.floor[:, :3, None, None]).sum(dim=1)  # distance below the camera
    ratio = below / batch.floor[:, 3, None, None]
    for index in range(4):
        on_floor = ratio[index][(ratio[index] - 1).abs() < 0.05]
        assert len(on_floor) > 200
        assert on_floor.median().item() == pytest.approx(1, abs=5e-3)


def test_unknown_depth_and_floor_are_nan_and_an_image_may_have_no_object(samples: list[Sample], tmp_path: Path) -> None:
    bare = replace(samples[0], depth_m=None, instances=None, objects=(), world_from_camera=None)
    source = DatasetSource(tmp_path / "data", InMemory([bare], ("thing",)), [0], 64 * 48)
    (shard,) = source.available()
    assert np.isnan(shard.depth_m).all()
    assert np.isnan(shard.floor).all()
    assert not shard.instances.any()
    assert (shard.category == -1).all()
    batch = draw_batch([shard], np.random.default_rng(0), 4, 64 * 48, CPU, least_crop=1.0)
    assert len(detection_targets(batch, 0)["labels"]) == 0


def test_objects_beyond_255_keep_their_categories(samples: list[Sample], tmp_path: Path) -> None:
    camera = samples[0].camera
    instances = (np.arange(96 * 128, dtype=np.uint16).reshape(96, 128) // 32) + 1  # 384 objects of 32 px
    item = samples[0].objects[0]
    objects = tuple(
        replace(item, id=k, category=f"category {k}", bbox=(0, 0, 1, 1), parent_id=None) for k in range(384)
    )
    crowded = Sample("crowd.png", samples[0].image, camera, objects, None, instances)
    categories = tuple(f"category {k}" for k in range(384))
    source = DatasetSource(tmp_path / "data", InMemory([crowded], categories), [0], 10**9)
    batch = draw_batch(source.available(), np.random.default_rng(0), 1, 96 * 128, CPU, least_crop=1.0)
    targets = detection_targets(batch, 0, 0.0)
    assert targets["labels"].tolist() == list(range(1, 385))


def test_similar_sizes_share_a_shard_that_is_listed_by_its_number_of_images(
    samples: list[Sample], tmp_path: Path
) -> None:
    other = render_samples([50], 96, 96, fov_rad=1.0)
    near = render_samples([51], 124, 96, fov_rad=1.0)
    many = [replace(samples[0], name=f"{k}.png") for k in range(40)]
    source = DatasetSource(
        tmp_path / "data",
        InMemory(many + near + other, tuple(sorted({o.category for s in many + near + other for o in s.objects}))),
        range(42),
        64 * 48,
    )
    assert sorted(len(shard.image) for shard in source.available()) == [1, 41, 41]


def test_shards_are_written_once_and_again_for_other_images(dataset: UnityDataset, tmp_path: Path) -> None:
    read = []

    def watched(indices: object) -> Iterator[int]:
        for index in indices:  # type: ignore[attr-defined]
            read.append(index)
            yield index

    for expected in ([0, 1, 2], [0, 1, 2]):
        DatasetSource(tmp_path / "data", dataset, [0, 1, 2], 64 * 48, watched)
        assert read == expected
    (shard,) = DatasetSource(tmp_path / "data", dataset, [3], 64 * 48, watched).available()
    assert read == [0, 1, 2, 3]
    assert len(shard.image) == 1


def test_shards_are_written_again_when_a_label_changes_or_an_array_is_damaged(
    dataset: UnityDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(dataset.path, folder)
    before = DatasetSource(tmp_path / "data", UnityDataset(folder), [0], 64 * 48).available()[0]
    changed = np.array(before.instances)
    mask = cv2.imread(str(folder / "masks" / dataset.names[0]), cv2.IMREAD_UNCHANGED)
    mask[mask == 1] = 0
    mask[0, 0] = 1
    write_mask(folder / "masks" / dataset.names[0], mask)
    after = DatasetSource(tmp_path / "data", UnityDataset(folder), [0], 64 * 48).available()[0]
    assert (np.array(after.instances) != changed).any()
    array = tmp_path / "data" / "00000" / "image.npy"
    array.write_bytes(array.read_bytes()[:500])
    again = DatasetSource(tmp_path / "data", UnityDataset(folder), [0], 64 * 48).available()[0]
    assert (again.image == before.image).all()


def test_dataset_source_removes_nothing_that_it_did_not_write(dataset: UnityDataset, tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    thesis = tmp_path / "data" / "images" / "thesis.txt"
    thesis.write_text("precious")
    with pytest.raises(ConfigurationError, match="images was not written by this package"):
        DatasetSource(tmp_path / "data", dataset, [0], 64 * 48)
    assert thesis.read_text() == "precious"


def test_dataset_source_refuses_an_empty_list_of_images(dataset: UnityDataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at least one image"):
        DatasetSource(tmp_path / "data", dataset, [], 64 * 48)


def test_split_covers_every_image_once_and_follows_its_seed() -> None:
    names = [f"{k}.png" for k in range(20)]
    split, again, other = (Split.draw(names, ("a",), seed) for seed in (1, 1, 2))
    assert sorted(split.train + split.validation) == sorted(names)
    assert len(split.validation) == 4
    assert split == again
    assert split.validation != other.validation


def test_split_is_written_and_another_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run" / "split.json"
    split = Split.draw(["a.png", "b.png", "c.png"], ("thing",), 0)
    split.write_or_check(path)
    split.write_or_check(path)
    assert set(json.loads(path.read_text())["train"]) == set(split.train)
    with pytest.raises(DatasetError, match=r"split\.json: a training was started here"):
        Split.draw(["a.png", "b.png", "d.png"], ("thing",), 0).write_or_check(path)


def test_split_refuses_a_single_image() -> None:
    with pytest.raises(DatasetError, match="at least 2 images"):
        Split.draw(["a.png"], ("thing",), 0)
