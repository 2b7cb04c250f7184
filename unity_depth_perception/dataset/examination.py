"""Complete check of a dataset folder before a training: all problems in one list."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, DatasetError
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.files.output_folder import read_marker
from unity_depth_perception.dataset.annotations import Annotations, ImageAnnotation
from unity_depth_perception.dataset.checks.consistency import DistanceComparison, camera_centre_notes
from unity_depth_perception.dataset.files import read_depth, read_image, read_mask
from unity_depth_perception.dataset.reader import (
    depth_path,
    file_problems,
    instance_values,
    missing_folder_problem,
    unannotated_ids_problem,
)

_FOV = "fov_vertical"
_FOV_TOLERANCE_DEG = 0.5
_PIXEL_TOLERANCE = 0.1  # of the ratio of the focal lengths


@dataclass(frozen=True)
class Examination:
    """Result of a check; each line names its file.

    Attributes:
        images, objects: numbers in the annotations.
        problems: errors that make the dataset unusable.
        notes: warnings about valid but unusual content.
    """

    images: int
    objects: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def examine(path: Path, needs_depth: bool = False) -> Examination:
    """Check every file of a dataset folder, pixels included; problems are listed, not raised.

    Args:
        needs_depth: whether an image without true depth is a problem, as for a training of depth; if False, it is a
            note, unless no image has depth.
    """
    if not path.is_dir():
        return Examination(0, 0, (f"{path}: {missing_folder_problem(path)}",), ())
    try:
        annotations, found = Annotations.examine(path / "annotations.json")
    except DatasetError as error:
        return Examination(0, 0, (str(error),), ())
    problems = [f"annotations.json: {problem}" for problem in found]
    if not annotations.images:
        problems.append("annotations.json: expected at least one image, but it names none that can be read")
    camera = _camera(path, problems)
    without_depth: list[str] = []
    distances = DistanceComparison()
    for annotation in annotations.images:
        in_files = [] if camera is None else list(file_problems(path, camera, annotation))
        in_boxes = [] if camera is None else list(_box_problems(camera, annotation))
        problems += in_boxes + (in_files or _pixel_problems(path, annotation, without_depth, distances))
    if needs_depth:
        problems += without_depth
    objects = [item for annotation in annotations.images for item in annotation.objects]
    notes = [] if camera is None else [*_camera_notes(path / "camera_intrinsics.json", camera)]
    notes += distances.notes()
    if read_marker(path).get("complete") is False:
        notes.append(f"{path}: the call that wrote this dataset was interrupted; these are its first images")
    notes += category_notes("annotations.json", annotations.categories, Counter(item.category for item in objects))
    if not needs_depth and len(without_depth) < len(annotations.images):  # a dataset without any depth is intended
        notes += without_depth
    return Examination(len(annotations.images), len(objects), tuple(problems), tuple(notes))


def _camera(path: Path, problems: list[str]) -> Camera | None:
    try:
        return Camera.from_intrinsics_file(path / "camera_intrinsics.json")
    except CameraError as error:
        problems.append(str(error))
        return None


def _camera_notes(path: Path, camera: Camera) -> Iterator[str]:
    """Notes on intrinsics that are possible but unusual for a Unity camera."""
    computed_deg = math.degrees(camera.vertical_fov_rad)
    written_deg = read_json_object(path, "camera intrinsics", CameraError).get(_FOV)
    if isinstance(written_deg, int | float) and abs(written_deg - computed_deg) > _FOV_TOLERANCE_DEG:
        yield (
            f"{path.name}: {_FOV} says {written_deg:g} deg, but focal_length_y and height make {computed_deg:.2f} deg, "
            f"which is what counts; the focal lengths differ by a factor of {_focal_ratio(written_deg, camera):.3g}"
        )
    if not (0 <= camera.cx < camera.width and 0 <= camera.cy < camera.height):
        yield f"{path.name}: expected a principal point inside the image, got {camera.cx:g}, {camera.cy:g} px"
    else:
        yield from camera_centre_notes(path.name, camera)
    if abs(camera.fx / camera.fy - 1) > _PIXEL_TOLERANCE:
        yield (
            f"{path.name}: expected square pixels, got focal_length_x {camera.fx:g} and focal_length_y {camera.fy:g} px"
        )


def _focal_ratio(fov_deg: float, camera: Camera) -> float:
    """Focal length of a camera over that of a vertical field of view."""
    return camera.fy * math.tan(math.radians(fov_deg) / 2) / (camera.height / 2)


def _box_problems(camera: Camera, annotation: ImageAnnotation) -> Iterator[str]:
    """Problems of bounding boxes that extend beyond the image."""
    for item in annotation.objects:
        x_min, y_min, x_max, y_max = item.bbox
        if min(x_min, y_min) < 0 or x_max > camera.width or y_max > camera.height:
            yield (
                f"annotations.json: {annotation.image}: object {item.id} ({item.category}): expected a bbox inside the "
                f"image of {camera.width} x {camera.height} px, got {list(item.bbox)}"
            )


def _pixel_problems(
    path: Path, annotation: ImageAnnotation, without_depth: list[str], distances: DistanceComparison
) -> list[str]:
    """Problems of the pixels of one image; missing true depth is added to `without_depth` instead."""
    mask = path / "masks" / annotation.image
    try:
        read_image(path / "images" / annotation.image)
        instances = read_mask(mask) if mask.is_file() else None
        depth = depth_path(path, annotation.image)
        depth_m = None if depth is None else read_depth(depth)
        without_depth += _missing_depth(path, annotation.image, depth, depth_m)
        if instances is not None and depth_m is not None and instances.shape == depth_m.shape:
            distances.add(annotation.objects, instances, depth_m)
    except DatasetError as error:
        return [str(error)]
    return (
        [] if instances is None else [f"masks/{annotation.image}: {p}" for p in _mask_problems(instances, annotation)]
    )


def _missing_depth(path: Path, image: str, depth: Path | None, depth_m: NDArray[np.float32] | None) -> list[str]:
    if depth is None or depth_m is None:
        return [f"depth/{Path(image).stem}: expected true depth as .png, .exr or .npy, found none"]
    known = not np.isnan(depth_m).all()
    return [] if known else [f"{depth.relative_to(path)}: expected true depth, but no pixel has one"]


def _mask_problems(instances: NDArray[np.uint16], annotation: ImageAnnotation) -> Iterator[str]:
    present = instance_values(instances)
    for item in annotation.objects:
        x_min, y_min, x_max, y_max = (max(0, side) for side in item.bbox)
        if item.id + 1 not in present:
            yield f"object {item.id} ({item.category}) has no pixel"
        elif not (instances[y_min:y_max, x_min:x_max] == item.id + 1).any():
            yield f"object {item.id} ({item.category}) has no pixel in its bbox {list(item.bbox)} of annotations.json"
    if unannotated := unannotated_ids_problem(instances, annotation):
        yield unannotated


def category_notes(source: str, categories: Sequence[str], counts: Counter[str]) -> Iterator[str]:
    """Note on categories with too few objects to train on; `source` is the file that names them."""
    few = [f"{counts[category]} {category}" for category in categories if counts[category] < 2]
    if few:
        yield (
            f"{source}: expected several objects of each category, some for training and others for validation; "
            f"got {', '.join(few)}"
        )
