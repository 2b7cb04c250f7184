"""Everything that is wrong with a dataset folder, at once: what a training would trip over hours later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, DatasetError
from unity_depth_perception.dataset.annotations import Annotations, ImageAnnotation
from unity_depth_perception.dataset.files import read_depth, read_image, read_mask
from unity_depth_perception.dataset.reader import depth_path, file_problems, stranger_problem


@dataclass(frozen=True)
class Examination:
    """What was found; each line names its file.

    Attributes:
        images, objects: how many the annotations name.
        problems: what makes the folder unusable until it is mended.
        notes: what is allowed but seldom meant.
    """

    images: int
    objects: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def examine(path: Path, needs_depth: bool = False) -> Examination:
    """Look at every file of a dataset folder, pixels included; nothing is raised, everything is listed.

    Args:
        needs_depth: an image without a depth file is a problem too, as for a training of depth.
    """
    if not path.is_dir():
        return Examination(0, 0, (f"{path}: expected a dataset folder, but there is no such folder",), ())
    try:
        annotations, found = Annotations.examine(path / "annotations.json")
    except DatasetError as error:
        return Examination(0, 0, (str(error),), ())
    problems = [f"annotations.json: {problem}" for problem in found]
    if not annotations.images:
        problems.append("annotations.json: expected at least one image, but it names none that can be read")
    camera = _camera(path, problems)
    for annotation in annotations.images:
        of_files = [] if camera is None else list(file_problems(path, camera, annotation))
        problems += of_files or _pixel_problems(path, annotation)
        if needs_depth and depth_path(path, annotation.image) is None:
            problems.append(
                f"depth/{Path(annotation.image).stem}: expected true depth as .png, .exr or .npy, found none"
            )
    objects = [item for annotation in annotations.images for item in annotation.objects]
    notes = tuple(
        category_notes("annotations.json", annotations.categories, Counter(item.category for item in objects))
    )
    return Examination(len(annotations.images), len(objects), tuple(problems), notes)


def _camera(path: Path, problems: list[str]) -> Camera | None:
    try:
        return Camera.from_intrinsics_file(path / "camera_intrinsics.json")
    except CameraError as error:
        problems.append(str(error))
        return None


def _pixel_problems(path: Path, annotation: ImageAnnotation) -> list[str]:
    problems = []
    mask = path / "masks" / annotation.image
    try:
        read_image(path / "images" / annotation.image)
        instances = read_mask(mask) if mask.is_file() else None
        if depth := depth_path(path, annotation.image):
            read_depth(depth)
    except DatasetError as error:
        return [str(error)]
    if instances is not None:
        pixels = np.bincount(instances.ravel(), minlength=2)
        empty = [o for o in annotation.objects if o.id + 1 >= len(pixels) or not pixels[o.id + 1]]
        problems += [f"masks/{annotation.image}: object {o.id} ({o.category}) has no pixel" for o in empty]
        if strangers := stranger_problem(instances, annotation):
            problems.append(f"masks/{annotation.image}: {strangers}")
    return problems


def category_notes(source: str, categories: Sequence[str], counts: Counter[str]) -> Iterator[str]:
    """Categories that have too few objects to learn from; `source` is the file that names them."""
    for category in categories:
        if counts[category] < 2:
            yield (
                f"{source}: {counts[category] or 'no'} object of category {category}: "
                "a network needs some to learn from and others to be judged by"
            )
