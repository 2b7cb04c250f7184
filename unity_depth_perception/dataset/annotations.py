"""Reading and checking of annotations.json of a Unity dataset folder.

    {"version": 1, "categories": [...]?,
     "images": [{"image": "00042.png", "objects": [OBJECT...], "camera_pose": POSE?, "stamp_ns": 100000000?}]}

POSE is {"position": [x, y, z], "orientation": [x, y, z, w]}: metres and a quaternion, of the camera's optical frame
(x right, y down, z forward) in a right-handed world with z up, as ROS has it. `stamp_ns` is the time of an image in
nanoseconds, where the images are a sequence: a whole number from 0 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError, InputError, shown
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.pose import matrix_from_pose, pose_from_matrix
from unity_depth_perception.dataset.checks.findings import duplicates, raise_if_problems

VERSION = 1


@dataclass(frozen=True)
class ImageAnnotation:
    """Annotation of one image: objects, camera pose, time."""

    image: str
    objects: tuple[ObjectDistance, ...]
    world_from_camera: NDArray[np.float64] | None = None
    stamp_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry in annotations.json."""
        entry: dict[str, Any] = {"image": self.image, "objects": [o.to_json() for o in self.objects]}
        if self.world_from_camera is not None:
            position, orientation = pose_from_matrix(self.world_from_camera)
            entry["camera_pose"] = {"position": position, "orientation": orientation}
        if self.stamp_ns is not None:
            entry["stamp_ns"] = self.stamp_ns
        return entry


@dataclass(frozen=True)
class Annotations:
    """The content of annotations.json."""

    images: tuple[ImageAnnotation, ...]
    categories: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Annotations:
        """Read and check the whole file.

        Raises:
            DatasetError: the file is missing, not JSON, of another version, or inconsistent; lists every problem.
        """
        annotations, problems = cls.examine(path)
        raise_if_problems(str(path), problems)
        return annotations

    @classmethod
    def examine(cls, path: Path) -> tuple[Annotations, list[str]]:
        """Read as much of the file as possible, and list every problem in it.

        Raises:
            DatasetError: the file is missing, not JSON, or of another version.
        """
        data = read_json_object(path, "the annotations of the dataset", DatasetError)
        if data.get("version") != VERSION:
            raise DatasetError(f"{path}: expected version {VERSION}, got {shown(data.get('version'))}")
        entries = data.get("images")
        if not isinstance(entries, list):
            raise DatasetError(f"{path}: expected a list of images under 'images', got {type(entries).__name__}")
        problems: list[str] = []
        images = [annotation for k, entry in enumerate(entries) if (annotation := _image(entry, k, problems))]
        problems += [f"{name}: named more than once" for name in duplicates(a.image for a in images)]
        for annotation in images:
            problems += [f"{annotation.image}: {problem}" for problem in object_problems(annotation.objects)]
        used = {o.category for a in images for o in a.objects}
        categories = _categories(data, used, problems)
        return cls(tuple(images), categories), problems


def object_problems(objects: Sequence[ObjectDistance]) -> list[str]:
    """List inconsistencies among the objects of one image: duplicate ids, unknown parents, cycles of parents."""
    problems = [f"id {k} occurs more than once" for k in duplicates(o.id for o in objects)]
    parents = {o.id: o.parent_id for o in objects}
    for o in objects:
        if o.id < 0:
            problems.append(f"expected ids >= 0, got {o.id}")
        if o.parent_id is not None and o.parent_id not in parents:
            problems.append(f"object {o.id} stands on object {o.parent_id}, which does not exist")
    problems += [f"object {o.id} stands, through its parents, on itself" for o in objects if _in_cycle(o.id, parents)]
    return problems


def _in_cycle(start: int, parents: dict[int, int | None]) -> bool:
    here = parents.get(start)
    for _ in range(len(parents)):
        if here is None or here == start:
            break
        here = parents.get(here)
    return here == start


def _image(entry: Any, number: int, problems: list[str]) -> ImageAnnotation | None:
    """Parse one entry; on a problem, add it to `problems` and return None."""
    name = entry.get("image") if isinstance(entry, dict) else None
    if not isinstance(name, str) or "\0" in name or Path(name).name != name or Path(name).suffix != ".png":
        problems.append(f"images[{number}]: expected 'image' as a plain file name such as 00042.png, got {shown(name)}")
        return None
    objects = entry.get("objects", [])
    if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
        problems.append(f"{name}: expected 'objects' as a list of JSON objects, got {shown(objects)}")
        return None
    try:
        parsed = tuple(ObjectDistance.from_json(o, f"{name}, objects[{k}]") for k, o in enumerate(objects))
        return ImageAnnotation(name, parsed, _pose(entry.get("camera_pose"), name), _stamp_ns(entry, name))
    except InputError as error:
        problems.append(str(error))
        return None


def _pose(pose: Any, name: str) -> NDArray[np.float64] | None:
    if pose is None:
        return None
    try:
        return matrix_from_pose(pose["position"], pose["orientation"])
    except (InputError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name}: expected camera_pose {{'position': [x, y, z], 'orientation': [x, y, z, w]}}: {error!r:.120}"
        ) from None


def _stamp_ns(entry: dict[str, Any], name: str) -> int | None:
    stamp = entry.get("stamp_ns")
    if stamp is None or (type(stamp) is int and 0 <= stamp < 2**63):
        return stamp
    raise InputError(f"{name}: expected stamp_ns as a whole number of nanoseconds from 0 on, got {shown(stamp)}")


def _categories(data: dict[str, Any], used: set[str], problems: list[str]) -> tuple[str, ...]:
    listed = data.get("categories")
    if listed is None:
        return tuple(sorted(used))
    if not isinstance(listed, list) or not all(isinstance(c, str) and c for c in listed):
        problems.append(f"expected 'categories' as a list of names, got {shown(listed)}")
        return ()
    problems += [f"the list of categories names {category} more than once" for category in duplicates(listed)]
    if missing := sorted(used - set(listed)):
        problems.append(f"the list of categories lacks {', '.join(missing)}, which objects have")
    return tuple(listed)
