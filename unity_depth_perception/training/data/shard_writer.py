"""Writing of a shard from the samples of a dataset, image by image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.dataset.files import write_array
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.training.data.batches import nearest
from unity_depth_perception.training.data.shards import floor_from_pose


class ShardWriter:
    """Writer of a shard, image by image as memory-mapped arrays: a dataset may be larger than the memory."""

    def __init__(self, folder: Path, size: tuple[int, int], count: int, categories: Sequence[str]) -> None:
        folder.mkdir(parents=True)
        self._folder, self._size = folder, size
        self._index_of = {name: index for index, name in enumerate(categories)}
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
            instances, values = _numbered(sample.instances)
            self._instances[k] = nearest(torch.from_numpy(instances).float()[None], height, width)[0].numpy()
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


def _numbered(instances: NDArray[np.uint16]) -> tuple[NDArray[np.int32], list[int]]:
    """The objects of an instance image numbered 1..N by their first pixels, and the value that each had before.

    The same masks then train the same weights, in whatever order a dataset lists them.
    """
    values, first = np.unique(instances, return_index=True)
    order = [int(value) for value in values[np.argsort(first)] if value]
    number = np.zeros(int(values[-1]) + 1, dtype=np.int32)
    number[order] = np.arange(1, len(order) + 1)
    return number[instances], order
