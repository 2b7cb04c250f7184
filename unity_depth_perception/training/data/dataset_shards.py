"""Shards of a dataset's images: resized once, written to a folder and memory-mapped."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, DatasetError, InputError
from unity_depth_perception.core.files.atomic_file import remove_drafts, write_json
from unity_depth_perception.core.files.json_file import read_json
from unity_depth_perception.core.files.output_folder import make_folder
from unity_depth_perception.dataset.sample import Progress, Sample, SampleSource
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES
from unity_depth_perception.training.data.shard_writer import ShardWriter
from unity_depth_perception.training.data.shards import Shard, load_shard, remove_shard

_SAME_SHAPE = 0.06  # largest relative difference of sides that share a shard: photographs come in hundreds of sizes
_FOV_RAD = math.radians(60)
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


class MaskSamples:
    """The images and masks of a dataset, as a training of masks sees them, whatever else the dataset knows.

    Depth and pose are left out, and the camera has a vertical field of view of 60 degrees: the same images and masks
    train the same weights whether they come from a Unity folder, from SOLO or from COCO.
    """

    def __init__(self, samples: LabelledSamples) -> None:
        self._samples = samples
        self.names, self.categories = samples.names, samples.categories

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self._samples[index]
        camera = Camera.from_vertical_fov(_FOV_RAD, sample.camera.width, sample.camera.height)
        return replace(sample, camera=camera, depth_m=None, world_from_camera=None)

    def size(self, index: int) -> Size:
        """Width and height [px] of an image, without decoding it."""
        return self._samples.size(index)

    def fingerprint(self, index: int) -> str:
        """Hash of everything that a sample is made from."""
        return self._samples.fingerprint(index)


class DatasetSource:
    """Images of a dataset, resized to about `area_px` pixels (never enlarged), in shards of one size each.

    The shards are written to a folder once; a resumed training reuses them, unless images or labels have changed.

    Attributes:
        categories: of the dataset.
        least_visible_ratio: see `ShardSource`; about 4 x 4 px of 384 x 384, so that nearly all annotations count.
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
        size: ShardWriter(folder / f"{k:05d}", size, counts[size], samples.categories)
        for k, size in enumerate(sorted(counts))
    }
    for index in indices:
        arrays[sizes[index]].add(samples[index])
    for files in arrays.values():
        files.close()
