"""Content of a COCO instances file, as the annotation tools of others write it, brought to one form.

CVAT writes every brush mask as a crowd; Roboflow adds a root category that nothing uses; VIA writes a polygon as a flat
list and numbers as texts; pandas writes ids as 1.0; detection exports have boxes alone. What is changed is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import DatasetError, shown
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.dataset.checks.findings import duplicates

_MAX_SIDE_PX = 32_768  # of an image; a larger size was written by mistake
_REQUIRED: dict[str, dict[str, tuple[type, ...]]] = {
    "images": {"id": (int, str), "file_name": (str,), "width": (int,), "height": (int,)},
    "categories": {"id": (int, str), "name": (str,)},
    "annotations": {"id": (int, str), "image_id": (int, str), "category_id": (int, str), "segmentation": (list, dict)},
}
_NUMBERS = ("id", "image_id", "category_id", "width", "height")

Entry = dict[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """Entries of a COCO instances file.

    Attributes:
        images, categories, annotations: entries, with whole numbers as int; annotations without crowds.
        crowds: number of crowds that are left out.
        boxes: number of objects with a box and no mask, which are left out.
        notes: what was changed or left out.
    """

    images: list[Entry]
    categories: list[Entry]
    annotations: list[Entry]
    crowds: int
    boxes: int
    notes: tuple[str, ...]


def read_coco(path: Path, use_crowds: bool = False) -> CocoFile:
    """Read a COCO instances file.

    Args:
        use_crowds: whether crowds are objects like others.

    Raises:
        DatasetError: the file cannot be read, or is no COCO file.
    """
    data = read_json_object(path, "COCO instances", DatasetError)
    lists = {key: _entries(path, data, key) for key in ("images", "annotations", "categories")}
    annotations = lists["annotations"]
    crowds = 0 if use_crowds else sum(bool(entry.get("iscrowd")) for entry in annotations)
    if crowds:
        annotations = [entry for entry in annotations if not entry.get("iscrowd")]
    boxed = [entry for entry in annotations if _has_box_alone(entry)]
    objects = [entry for entry in annotations if not _has_box_alone(entry)]
    for entry in objects:
        entry["segmentation"] = _as_polygons(entry.get("segmentation"))
    categories, notes = _categories(lists["categories"], annotations)
    if crowds:
        notes.append(
            f"{crowds} annotation{'s are crowds' if crowds > 1 else ' is a crowd'} (iscrowd 1) and left out, "
            f"{len(annotations)} objects are left; CVAT writes every brush mask so: --use-crowds makes objects of them"
        )
    if boxed and objects:
        notes.append(f"{len(boxed)} objects have a box but no mask and are left out; the first is {boxed[0].get('id')}")
    return CocoFile(lists["images"], categories, objects, crowds, len(boxed), tuple(notes))


def _entries(path: Path, data: Entry, key: str) -> list[Entry]:
    entries = data.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DatasetError(f"{path}: expected COCO instances with lists images, annotations, categories; no {key}")
    return [{name: _whole(v) if name in _NUMBERS else v for name, v in entry.items()} for entry in entries]


def _whole(value: Any) -> Any:
    """1 for 1.0 (pandas) and for the text 1 (VIA); any other value as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        return int(value)
    return value


def _has_box_alone(entry: Entry) -> bool:
    return bool(entry.get("bbox")) and not entry.get("segmentation")


def _as_polygons(segmentation: Any) -> Any:
    """A list of polygons, also where the file has one polygon as a flat list of numbers."""
    if isinstance(segmentation, list) and segmentation and all(isinstance(v, int | float) for v in segmentation):
        return [segmentation]
    return segmentation


def _categories(entries: list[Entry], annotations: list[Entry]) -> tuple[list[Entry], list[str]]:
    """The categories without a root that nothing uses, and notes."""
    used = {shown(entry.get("category_id")) for entry in annotations}
    parents = {shown(entry.get("supercategory")) for entry in entries if entry.get("supercategory")}
    roots = [entry for entry in entries if shown(entry.get("id")) not in used and shown(entry.get("name")) in parents]
    if len(roots) == len(entries):
        roots = []
    notes = [
        f"the category {shown(entry.get('name'))} is left out: no object has it, others name it as theirs"
        for entry in roots
    ]
    kept = [entry for entry in entries if entry not in roots]
    repeated = duplicates(name for entry in kept if isinstance(name := entry.get("name"), str))
    notes += [f"{name} is the name of several categories, which are taken for one" for name in repeated]
    return kept, notes


def contradictions(data: CocoFile) -> Iterator[str]:
    """Inconsistencies within the file, without its images."""
    kinds = {kind: getattr(data, kind) for kind in _REQUIRED}
    if problems := [problem for kind, entries in kinds.items() for problem in _key_problems(kind, entries)]:
        yield from problems
        return
    for kind in ("images", "categories"):
        if not kinds[kind]:
            yield f"{kind}: expected at least one, but it names none"
    if not data.annotations:
        if data.crowds:
            yield (
                f"all {data.crowds} annotations are crowds (iscrowd 1), so that no object is left; CVAT writes every "
                "brush mask so: --use-crowds makes objects of them"
            )
        if data.boxes:
            yield (
                f"there are no masks in this file: its {data.boxes} objects have boxes alone; draw polygons or masks "
                "and export them as COCO segmentation"
            )
    unique = (("images", "id"), ("images", "file_name"), ("annotations", "id"), ("categories", "id"))
    for kind, key in unique:
        repeated = duplicates(entry[key] for entry in kinds[kind])
        yield from (f"{kind}: {key} {value} occurs more than once" for value in repeated)
    yield from _size_problems(data.images)
    images, categories = ({entry["id"] for entry in entries} for entries in (data.images, data.categories))
    for entry in data.annotations:
        if entry["image_id"] not in images:
            yield f"annotation {entry['id']}: there is no image {shown(entry['image_id'])}"
        if entry["category_id"] not in categories:
            yield f"annotation {entry['id']}: there is no category {shown(entry['category_id'])}"


def _size_problems(images: list[Entry]) -> Iterator[str]:
    for entry in images:
        if not all(0 < entry[side] <= _MAX_SIDE_PX for side in ("width", "height")):
            yield (
                f"{entry['file_name']}: expected width and height from 1 to {_MAX_SIDE_PX} px, "
                f"got {shown(entry['width'])}, {shown(entry['height'])}"
            )


def _key_problems(kind: str, entries: list[Entry]) -> Iterator[str]:
    """Required keys that are missing or of another type."""
    for k, entry in enumerate(entries):
        for key, types in _REQUIRED[kind].items():
            if type(entry.get(key)) not in types or entry[key] == "":
                words = " or ".join(allowed.__name__ for allowed in types)
                yield f"{kind}[{k}]: expected the key {key} with a value of type {words}, got {shown(entry.get(key))}"


def category_counts(data: CocoFile) -> Counter[str]:
    """Number of objects of each category name."""
    name_of = {entry["id"]: entry["name"] for entry in data.categories}
    return Counter(name_of[entry["category_id"]] for entry in data.annotations)
