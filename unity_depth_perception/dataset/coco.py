"""Dataset of a COCO instances file and its images. https://cocodataset.org/#format-data

    {"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
     "annotations": [{"id", "image_id", "category_id", "segmentation": polygons | RLE, "iscrowd"?}]}

An instance image has one object in each pixel: where masks overlap, the smaller one is on top. Crowds (`iscrowd` 1) are
left out. COCO has neither depth, nor parents, nor cameras: samples have a camera with a vertical field of view of 60
degrees, which training of masks does not use.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.annotations import duplicates, raise_if_problems
from unity_depth_perception.dataset.coco_masks import decode_mask, merge_masks
from unity_depth_perception.dataset.examination import Examination, category_notes
from unity_depth_perception.dataset.files import read_image
from unity_depth_perception.dataset.sample import Sample, fingerprint

_FOV_RAD = math.radians(60)
_MAX_SIDE_PX = 32_768  # of an image; for a larger size written by mistake, pycocotools would take all memory
_REQUIRED: dict[str, dict[str, tuple[type, ...]]] = {
    "images": {"id": (int, str), "file_name": (str,), "width": (int,), "height": (int,)},
    "categories": {"id": (int, str), "name": (str,)},
    "annotations": {"id": (int, str), "image_id": (int, str), "category_id": (int, str), "segmentation": (list, dict)},
}

Entry = dict[str, Any]


class CocoDataset:
    """The samples of a COCO instances file, in its order; each is read on access.

    Attributes:
        names: the images' file names.
        categories: names of the categories, in the order of their ids.
    """

    def __init__(self, path: Path, images_dir: Path | None = None) -> None:
        """Read the file.

        Args:
            images_dir: folder of the images; the file's own if None.

        Raises:
            DatasetError: the file cannot be read or is inconsistent; lists every problem.
        """
        data = _load(path)
        raise_if_problems(str(path), list(_contradictions(data)))
        self.path = path
        self._images_dir = images_dir or path.parent
        self._images: list[Entry] = data["images"]
        listed = sorted(data["categories"], key=lambda entry: (isinstance(entry["id"], str), entry["id"]))
        self._name_of = {entry["id"]: entry["name"] for entry in listed}
        self.categories = tuple(self._name_of.values())
        self.names = tuple(entry["file_name"] for entry in self._images)
        self._annotations: dict[Any, list[Entry]] = defaultdict(list)
        for entry in data["annotations"]:
            self._annotations[entry["image_id"]].append(entry)

    def __len__(self) -> int:
        return len(self._images)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it."""
        return self._images[index]["width"], self._images[index]["height"]

    def fingerprint(self, index: int) -> str:
        """Hash of the image and of its annotations."""
        image = self._images[index]
        entries = [(self._name_of[e["category_id"]], e["segmentation"]) for e in self._annotations[image["id"]]]
        return fingerprint((self._images_dir / image["file_name"],), entries)

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
            image=read_image(self._images_dir / image["file_name"]),
            camera=Camera.from_vertical_fov(_FOV_RAD, width, height),
            objects=objects,
            instances=instances,
        )

    def pixel_problems(self, index: int) -> Iterator[str]:
        """Problems of an image file, or else of the masks of its objects."""
        image, (width, height) = self._images[index], self.size(index)
        try:
            shape = read_image(self._images_dir / image["file_name"]).shape
        except DatasetError as error:
            yield str(error)
            return
        if shape[:2] != (height, width):
            where = self._images_dir / image["file_name"]
            yield f"{where}: expected {width} x {height} px as its entry says, got {shape[1]} x {shape[0]}"
            return
        for entry in self._annotations[image["id"]]:
            try:
                if not decode_mask(entry["segmentation"], width, height).any():
                    yield f"annotation {entry['id']} ({image['file_name']}): its mask has no pixel"
            except ValueError as error:
                yield f"annotation {entry['id']} ({image['file_name']}): {error}"

    def counts(self) -> Counter[str]:
        """Number of objects of each category."""
        return Counter(self._name_of[e["category_id"]] for entries in self._annotations.values() for e in entries)


def examine_coco(path: Path, images_dir: Path | None = None) -> Examination:
    """Check every image and every mask of a COCO file; problems are listed, not raised."""
    try:
        contradictions = list(_contradictions(_load(path)))
        if contradictions:
            return Examination(0, 0, tuple(f"{path.name}: {problem}" for problem in contradictions), ())
        dataset = CocoDataset(path, images_dir)
    except DatasetError as error:
        return Examination(0, 0, (str(error),), ())
    problems = [problem for index in range(len(dataset)) for problem in dataset.pixel_problems(index)]
    counts = dataset.counts()
    notes = tuple(category_notes(path.name, dataset.categories, counts))
    return Examination(len(dataset), counts.total(), tuple(problems), notes)


def _load(path: Path) -> dict[str, list[Entry]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{path}: expected COCO instances as JSON: {error}") from None
    for key in ("images", "annotations", "categories"):
        entries = data.get(key) if isinstance(data, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DatasetError(f"{path}: expected COCO instances with lists images, annotations, categories; no {key}")
    return {**data, "annotations": [entry for entry in data["annotations"] if not entry.get("iscrowd")]}


def _contradictions(data: dict[str, list[Entry]]) -> Iterator[str]:
    """Inconsistencies within the file, without its images."""
    if problems := [problem for kind in _REQUIRED for problem in _key_problems(kind, data[kind])]:
        yield from problems
        return
    for kind in ("images", "categories"):
        if not data[kind]:
            yield f"{kind}: expected at least one, but it names none"
    unique = (("images", "id"), ("images", "file_name"), ("annotations", "id"), ("categories", "id"))
    for kind, key in (*unique, ("categories", "name")):
        yield from (f"{kind}: {key} {value} occurs more than once" for value in duplicates(e[key] for e in data[kind]))
    for entry in data["images"]:
        if not all(0 < entry[side] <= _MAX_SIDE_PX for side in ("width", "height")):
            yield (
                f"{entry['file_name']}: expected width and height from 1 to {_MAX_SIDE_PX} px, "
                f"got {entry['width']}, {entry['height']}"
            )
    images, categories = ({entry["id"] for entry in data[kind]} for kind in ("images", "categories"))
    for entry in data["annotations"]:
        if entry["image_id"] not in images:
            yield f"annotation {entry['id']}: there is no image {entry['image_id']}"
        if entry["category_id"] not in categories:
            yield f"annotation {entry['id']}: there is no category {entry['category_id']}"


def _key_problems(kind: str, entries: list[Entry]) -> Iterator[str]:
    """Required keys that are missing or of another type."""
    for k, entry in enumerate(entries):
        for key, types in _REQUIRED[kind].items():
            if type(entry.get(key)) not in types or entry[key] == "":
                words = " or ".join(allowed.__name__ for allowed in types)
                yield f"{kind}[{k}]: expected the key {key} with a value of type {words}, got {entry.get(key)!r:.60}"
