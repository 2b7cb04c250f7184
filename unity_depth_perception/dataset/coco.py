"""Dataset of a COCO instances file and its images. https://cocodataset.org/#format-data

    {"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
     "annotations": [{"id", "image_id", "category_id", "segmentation": polygons | RLE, "iscrowd"?}]}

An instance image has one object in each pixel: where masks overlap, the smaller one is on top. Crowds (`iscrowd` 1) are
left out. COCO has neither depth, nor parents, nor cameras: samples have a camera with a vertical field of view of 60
degrees, which training of masks does not use.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.checks.findings import raise_if_problems
from unity_depth_perception.dataset.coco_file import CocoFile, Entry, category_counts, contradictions, read_coco
from unity_depth_perception.dataset.coco_masks import decode_mask, is_degenerate, merge_masks
from unity_depth_perception.dataset.examination import Examination, category_notes
from unity_depth_perception.dataset.files import exif_note, image_file_header, read_image
from unity_depth_perception.dataset.guards.paths import ImageFinder
from unity_depth_perception.dataset.sample import Sample, fingerprint

_FOV_RAD = math.radians(60)


class CocoDataset:
    """The samples of a COCO instances file, in its order; each is read on access.

    Attributes:
        names: the images' file names.
        categories: names of the categories, in the order of their ids.
    """

    def __init__(self, path: Path, images_dir: Path | None = None, use_crowds: bool = False) -> None:
        """Read the file.

        Args:
            images_dir: folder of the images, which are looked for below it too; the file's own folder if None.
            use_crowds: whether crowds are objects like others.

        Raises:
            DatasetError: the file cannot be read or is inconsistent; lists every problem.
        """
        self.file: CocoFile = read_coco(path, use_crowds)
        raise_if_problems(str(path), list(contradictions(self.file)))
        self.path = path
        self._finder = ImageFinder(images_dir or path.parent, search_below=images_dir is not None)
        self._images = self.file.images
        listed = sorted(self.file.categories, key=lambda entry: (isinstance(entry["id"], str), entry["id"]))
        self._name_of = {entry["id"]: entry["name"] for entry in listed}
        self.categories = tuple(dict.fromkeys(self._name_of.values()))
        self.names = tuple(entry["file_name"] for entry in self._images)
        self._annotations: dict[Any, list[Entry]] = defaultdict(list)
        for entry in self.file.annotations:
            self._annotations[entry["image_id"]].append(entry)

    def image_path(self, index: int) -> Path:
        """Path of an image; it need not exist.

        Raises:
            DatasetError: its name leads out of the folder, or is that of several images.
        """
        return self._finder.find(self._images[index]["file_name"])

    def __len__(self) -> int:
        return len(self._images)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it."""
        return self._images[index]["width"], self._images[index]["height"]

    def fingerprint(self, index: int) -> str:
        """Hash of the image and of its annotations."""
        image = self._images[index]
        entries = [(self._name_of[e["category_id"]], e["segmentation"]) for e in self._annotations[image["id"]]]
        return fingerprint((self.image_path(index),), entries)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: `index` is out of range.
            DatasetError: the image cannot be read or has another size, or a mask cannot be decoded.
        """
        image, (width, height) = self._images[index], self.size(index)
        found = []
        for entry in self._annotations[image["id"]]:
            try:
                found.append((self._name_of[entry["category_id"]], decode_mask(entry["segmentation"], width, height)))
            except ValueError as error:
                raise DatasetError(f"{self.path}: annotation {entry['id']}: {error}") from None
        instances, objects = merge_masks(found, width, height)
        return Sample(
            name=self.names[index],
            image=read_image(self.image_path(index)),
            camera=Camera.from_vertical_fov(_FOV_RAD, width, height),
            objects=objects,
            instances=instances,
        )

    def pixel_problems(self, index: int, notes: list[str]) -> Iterator[str]:
        """Problems of an image file, or else of the masks of its objects; what is only unusual goes to `notes`."""
        image, (width, height) = self._images[index], self.size(index)
        try:
            path = self.image_path(index)
            if not path.exists():
                yield f"{path}: no such file; --images-dir names the folder of the images, if it is another"
                return
            shape = read_image(path).shape
        except DatasetError as error:
            yield str(error)
            return
        if shape[:2] != (height, width):
            yield (
                f"{path}: expected {width} x {height} px as its entry says, got {shape[1]} x {shape[0]}"
                f"{exif_note(path)}"
            )
            return
        if image_file_header(path).orientation in (2, 3, 4):
            notes.append(f"{path}: turned or mirrored{exif_note(path)}; were its masks drawn on it as you see it?")
        if path != self._finder.root / image["file_name"]:
            notes.append(f"{image['file_name']}: found as {path}")
        for entry in self._annotations[image["id"]]:
            try:
                yield from self._mask_problems(entry, index, notes)
            except ValueError as error:
                yield f"annotation {entry['id']} ({image['file_name']}): {error}"

    def _mask_problems(self, entry: Entry, index: int, notes: list[str]) -> Iterator[str]:
        segmentation, (width, height) = entry["segmentation"], self.size(index)
        where = f"annotation {entry['id']} ({self.names[index]})"
        degenerate = [is_degenerate(part) for part in segmentation] if isinstance(segmentation, list) else []
        is_empty = not decode_mask(segmentation, width, height).any()
        if any(degenerate):
            left = "the object is left out, as it has no other part" if is_empty else "that part is left out"
            notes.append(f"{where}: a polygon of less than three points encloses nothing; {left}")
        elif is_empty:
            yield f"{where}: its mask has no pixel"


def examine_coco(path: Path, images_dir: Path | None = None, use_crowds: bool = False) -> Examination:
    """Check every image and every mask of a COCO file; problems are listed, not raised."""
    try:
        data = read_coco(path, use_crowds)
        if found := list(contradictions(data)):
            return Examination(0, 0, tuple(f"{path.name}: {problem}" for problem in found), ())
        dataset = CocoDataset(path, images_dir, use_crowds)
    except DatasetError as error:
        return Examination(0, 0, (str(error),), ())
    notes: list[str] = []
    problems = [problem for index in range(len(dataset)) for problem in dataset.pixel_problems(index, notes)]
    counts: Counter[str] = category_counts(data)
    notes = [f"{path.name}: {note}" for note in data.notes] + notes
    notes += category_notes(path.name, dataset.categories, counts)
    return Examination(len(dataset), counts.total(), tuple(problems), tuple(notes))
