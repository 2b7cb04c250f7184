"""Shards of a dataset's images: resized once, written to a folder and memory-mapped."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.core.atomic_file import remove_drafts, write_json
from unity_depth_perception.core.errors import ConfigurationError, DatasetError, InputError
from unity_depth_perception.core.json_file import read_json
from unity_depth_perception.core.output_folder import make_folder
from unity_depth_perception.dataset.files import write_array
from unity_depth_perception.dataset.sample import Progress, Sample, SampleSource
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.ops.instance_images import relabel_sequential
from unity_depth_perception.training.data.batches import nearest
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES
from unity_depth_perception.training.data.shards import Shard, floor_from_pose, load_shard, remove_shard

_SAME_SHAPE = 0.06  # largest relative difference of sides that share a shard: photographs come in hundreds of sizes
_MANIFEST = "manifest.json"
_SHARD = re.compile(r"\d{5}")

Size = tuple[int, int]
"""Width and height [px]."""


class LabelledSamples(SampleSource, Protocol):
    """Samples with category names and image sizes: a UnityDataset or a CocoDataset."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names, in the order of the network's classes."""
        ...

    def size(self, index: int) -> Size:
        """Width and height [px] of an image, without decoding it."""
        ...

    def fingerprint(self, index: int) -> str:
        """Hash of everything that a sample is made from: its files, annotations and camera."""
        ...


class DatasetSource:
    """Images of a dataset, resized to about `area_px` pixels (never enlarged), in shards of one size each.

    The shards are written to a folder once; a resumed training reuses them, unless images or labels have changed.

    Attributes:
        categories: of the dataset.
        least_visible_ratio: about 4 x 4 px of 384 x 384; an annotated object counts however small it is.
    """

    least_visible_ratio = 1e-4

    def __init__(
        self, folder: Path, samples: LabelledSamples, indices: Sequence[int], area_px: int, progress: Progress = iter
    ) -> None:
        """Write the shards, unless the folder holds those of the same images and labels.

        Raises:
            DatasetError: there are no images, or one cannot be read.
            ConfigurationError: the folder holds something else.
        """
        if not indices:
            raise DatasetError("expected at least one image to train on, got none")
        self.categories = samples.categories
        names = [samples.names[index] for index in indices]
        manifest = {
            "area_px": area_px,
            "categories": list(samples.categories),
            "images": names,
            "contents": [samples.fingerprint(index) for index in indices],
        }
        shards = _load(make_folder(folder), manifest)
        if not shards:
            _remove(folder)
            _write(folder, samples, progress(indices), _sizes(samples, indices, area_px))
            write_json(folder / _MANIFEST, manifest)
            shards = _load(folder, manifest)
        self._count = len(indices)
        self._shards = [shard for shard in shards for _ in range(math.ceil(len(shard.image) / SHARD_IMAGES))]

    def __len__(self) -> int:
        """Number of images."""
        return self._count

    def wait(self) -> None:
        """Return at once: all shards are available."""

    def available(self) -> list[Shard]:
        """One shard per size, listed in proportion to its number of images."""
        return self._shards

    def close(self) -> None:
        """Nothing is open."""


def _load(folder: Path, manifest: dict[str, Any]) -> list[Shard]:
    """Shards in a folder of a manifest; none if they are of other images or labels, incomplete or damaged."""
    try:
        if read_json(folder / _MANIFEST, "a manifest") != manifest:
            return []
        return [load_shard(path) for path in _shard_folders(folder)]
    except InputError:
        return []


def _shard_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and _SHARD.fullmatch(path.name))


def _remove(folder: Path) -> None:
    """Remove the shards in a folder, and nothing else.

    Raises:
        ConfigurationError: the folder holds something that this package did not write.
    """
    try:
        (folder / _MANIFEST).unlink(missing_ok=True)  # first: an incomplete folder has none
        for path in _shard_folders(folder):
            remove_shard(path)
        remove_drafts(folder)
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot remove the shards in it: {error}; choose another folder") from None
    left = next(folder.iterdir(), None)
    if left is not None:
        raise ConfigurationError(
            f"{folder}: expected a folder of training data alone, but {left.name} was not written by this package; "
            "choose another output folder"
        )


def _sizes(samples: LabelledSamples, indices: Sequence[int], area_px: int) -> dict[int, Size]:
    """Stored size of each image: its own, or a more frequent one that is nearly the same."""
    own = {index: _limited_size(samples.size(index), area_px) for index in indices}
    chosen: dict[Size, Size] = {}
    for size, _ in Counter(own.values()).most_common():
        similar = (other for other in chosen.values() if _is_similar(size, other))
        chosen[size] = next(similar, size)
    return {index: chosen[size] for index, size in own.items()}


def _is_similar(size: Size, other: Size) -> bool:
    return all(abs(a / b - 1) <= _SAME_SHAPE for a, b in zip(size, other, strict=True))


def _limited_size(size: Size, area_px: int) -> Size:
    width, height = size
    return processing_size(width, height, min(area_px, width * height))


def _write(folder: Path, samples: LabelledSamples, indices: Iterable[int], sizes: dict[int, Size]) -> None:
    """Write each image into the shard of its size; the folder is complete once it has a manifest."""
    counts = Counter(sizes.values())
    arrays = {
        size: _ShardFiles(folder / f"{k:05d}", size, counts[size], samples) for k, size in enumerate(sorted(counts))
    }
    for index in indices:
        arrays[sizes[index]].add(samples[index])
    for files in arrays.values():
        files.close()


class _ShardFiles:
    """Writer of a shard, image by image as memory-mapped arrays: a dataset may be larger than the memory."""

    def __init__(self, folder: Path, size: Size, count: int, samples: LabelledSamples) -> None:
        folder.mkdir(parents=True)
        self._folder, self._size = folder, size
        self._index_of = {name: index for index, name in enumerate(samples.categories)}
        width, height = size
        self._image = self._array("image", np.uint8, (count, height, width, 3))
        self._depth_m = self._array("depth_m", np.float16, (count, height, width))
        self._instances = self._array("instances", np.int16, (count, height, width))
        self._intrinsics = self._array("intrinsics", np.float32, (count, 4))
        self._floor = self._array("floor", np.float32, (count, 4))
        self._rows: list[list[int]] = []

    def add(self, sample: Sample) -> None:
        """Write a sample, resized."""
        k, (width, height) = len(self._rows), self._size
        image = torch.from_numpy(sample.image).permute(2, 0, 1)
        self._image[k] = transforms.resize(image, [height, width], antialias=True).permute(1, 2, 0).numpy()
        self._depth_m[k] = np.nan
        if sample.depth_m is not None:
            self._depth_m[k] = nearest(torch.from_numpy(sample.depth_m)[None], height, width)[0].numpy()
        row: list[int] = []
        if sample.instances is not None:
            instances, values = relabel_sequential(torch.from_numpy(sample.instances.astype(np.int32)))
            self._instances[k] = nearest(instances.float()[None], height, width)[0].numpy()
            category = {item.id + 1: self._index_of[item.category] for item in sample.objects}
            row = [category[value] for value in values]
        camera = sample.camera.resized(width, height)
        self._intrinsics[k] = camera.fx, camera.fy, camera.cx, camera.cy
        self._floor[k] = floor_from_pose(sample.world_from_camera)
        self._rows.append(row)

    def close(self) -> None:
        """Write the categories and flush the arrays."""
        most = max(1, *(len(row) for row in self._rows), 1)
        category = np.array([row + [-1] * (most - len(row)) for row in self._rows], dtype=np.int16)
        write_array(self._folder / "category.npy", category)
        for array in (self._image, self._depth_m, self._instances, self._intrinsics, self._floor):
            array.flush()

    def _array(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> Any:
        path = self._folder / f"{name}.npy"
        array = np.lib.format.open_memmap(path, "w+", dtype, shape)  # type: ignore[no-untyped-call]
        with path.open("r+b") as file:  # reserves the space: a full disk would end the process by a signal later
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from None
        return array
