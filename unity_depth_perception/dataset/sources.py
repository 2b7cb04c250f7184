"""Dataset sources by path: Unity folder, COCO file, SOLO folder, bag; several of them as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.reader import is_bag
from unity_depth_perception.dataset.bag.samples import BagDataset
from unity_depth_perception.dataset.coco import CocoDataset, examine_coco
from unity_depth_perception.dataset.examination import Examination, examine
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.solo.samples import SoloDataset, examine_solo, is_solo


class DatasetSamples(Protocol):
    """Samples of a dataset by index; see UnityDataset."""

    path: Path
    names: tuple[str, ...]
    categories: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def size(self, index: int) -> tuple[int, int]: ...

    def fingerprint(self, index: int) -> str: ...


def open_source(path: Path, images_dir: Path | None = None, use_crowds: bool = False) -> DatasetSamples:
    """Open a COCO file (.json), a SOLO folder, a bag or a Unity dataset folder.

    Raises:
        DatasetError: it cannot be used; lists every problem.
    """
    if path.suffix == ".json":
        return CocoDataset(path, images_dir, use_crowds)
    if is_bag(path):
        return BagDataset(path)
    return SoloDataset(path) if is_solo(path) else UnityDataset(path)


def examine_source(
    path: Path, images_dir: Path | None = None, use_crowds: bool = False, needs_depth: bool = False
) -> Examination:
    """Check every file of a dataset, pixels included; problems are listed, not raised."""
    if path.suffix == ".json":
        return examine_coco(path, images_dir, use_crowds)
    return examine_solo(path, needs_depth) if is_solo(path) else examine(path, needs_depth)


class CombinedDataset:
    """The samples of several datasets, one after the other; names that repeat are preceded by the folder's.

    Attributes:
        path: of the first dataset.
        categories: of all, those of the first dataset first.
    """

    def __init__(self, parts: Sequence[DatasetSamples]) -> None:
        """Combine datasets.

        Raises:
            DatasetError: two of them have the same name and hold images of the same name.
        """
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]
        self.path = parts[0].path
        self.categories = tuple(dict.fromkeys(name for part in parts for name in part.categories))
        names = [name for part in parts for name in part.names]
        if len(set(names)) < len(names):
            names = [f"{part.path.stem}_{name}" for part in parts for name in part.names]
        if len(set(names)) < len(names):
            raise DatasetError(
                "expected datasets with different names, as they hold images of the same name; got "
                f"{', '.join(str(part.path) for part in parts)}"
            )
        self.names = tuple(names)

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Sample]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; raises as its dataset does."""
        part, own = self._place(index)
        return replace(part[own], name=self.names[index])

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it."""
        part, own = self._place(index)
        return part.size(own)

    def fingerprint(self, index: int) -> str:
        """Hash of everything that a sample is made from."""
        part, own = self._place(index)
        return part.fingerprint(own)

    def _place(self, index: int) -> tuple[DatasetSamples, int]:
        for part, start in zip(self._parts, self._starts, strict=False):
            if start <= index < start + len(part):
                return part, index - start
        raise IndexError(index)
