"""SOLO dataset of com.unity.perception: sequences of captures with masks, depth, poses and camera matrices.

    sequence.N/stepM.frame_data.json, and beside it the images that it names. As the package writes it (7e3d4c9), not as
    its documentation says: quaternions are x, y, z, w; `matrix` is the upper 3 x 3 of the projection matrix; the depth
    EXR has metres in R, 0 = nothing.

Unity's world has y up and is left-handed; here it becomes right-handed with z up (x, z, y).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError, InputError, shown
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.dataset.checks.findings import raise_if_problems
from unity_depth_perception.dataset.examination import Examination, category_notes
from unity_depth_perception.dataset.files import read_colours, read_depth, read_image
from unity_depth_perception.dataset.guards.paths import inside
from unity_depth_perception.dataset.sample import Sample, fingerprint
from unity_depth_perception.dataset.solo.frames import (
    BOXES,
    DEPTH,
    INSTANCES,
    Entry,
    annotation_of,
    instances_of,
    read_captures,
)

_TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])  # of Unity's world, y up, left-handed
_FLIP_Y = np.diag([1.0, -1.0, 1.0])  # of Unity's camera, y up, to the optical frame


def is_solo(path: Path) -> bool:
    """Whether a folder is a SOLO dataset."""
    return any(path.glob("sequence.*/step*.frame_data.json"))


class SoloDataset:
    """The captures of RGB cameras in a SOLO folder, in the order of sequence and step; each is read on access.

    Attributes:
        names: `00000.png` where each sequence has one step and one camera; else sequence, step and camera too.
        categories: labels of the objects, sorted.
    """

    def __init__(self, path: str | Path) -> None:
        """Read all frames' JSON.

        Raises:
            DatasetError: the folder holds no captures, or they are inconsistent; lists every problem.
        """
        self.path = Path(path)
        self._captures, problems = read_captures(self.path)
        raise_if_problems(str(self.path), problems)
        if not self._captures:
            raise DatasetError(f"{self.path}: expected sequence.N/stepM.frame_data.json with an RGBCamera, found none")
        self.names = tuple(name for name, _, _ in self._captures)
        labels = {label for _, _, capture in self._captures for _, label, _ in instances_of(capture)}
        self.categories = tuple(sorted(labels))

    def __len__(self) -> int:
        return len(self._captures)

    def __iter__(self) -> Iterator[Sample]:
        return (self[k] for k in range(len(self)))

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it."""
        width, height = self._captures[index][2]["dimension"]
        return int(width), int(height)

    def fingerprint(self, index: int) -> str:
        """Hash of the files and of the JSON of a capture."""
        _, folder, capture = self._captures[index]
        files = [inside(self.path, f"{folder}/{capture['filename']}")]
        for kind in (INSTANCES, DEPTH):
            if (annotation := annotation_of(capture, kind)) is not None:
                files.append(inside(self.path, f"{folder}/{annotation['filename']}"))
        return fingerprint(files, capture)

    def __getitem__(self, index: int) -> Sample:
        """Read one capture.

        Raises:
            IndexError: `index` is out of range.
            DatasetError: a file cannot be read, or contradicts the JSON.
        """
        name, folder, capture = self._captures[index]
        width, height = self.size(index)
        depth, masks = annotation_of(capture, DEPTH), annotation_of(capture, INSTANCES)
        instances = np.zeros((height, width), dtype=np.uint16)
        objects: tuple[ObjectDistance, ...] = ()
        if masks is not None:
            colours = read_colours(inside(self.path, f"{folder}/{masks['filename']}"))
            instances, objects = _objects(colours, capture, name)
        return Sample(
            name=name,
            image=read_image(inside(self.path, f"{folder}/{capture['filename']}")),
            camera=_camera(capture, name),
            objects=objects,
            depth_m=None if depth is None else read_depth(inside(self.path, f"{folder}/{depth['filename']}")),
            instances=instances,
            world_from_camera=_pose(capture, name),
        )


def examine_solo(path: Path, needs_depth: bool = False) -> Examination:
    """Check every capture of a SOLO folder, pixels included; problems are listed, not raised."""
    try:
        dataset = SoloDataset(path)
    except DatasetError as error:
        return Examination(0, 0, (str(error),), ())
    problems, without_depth, counts = [], [], Counter[str]()
    for index, name in enumerate(dataset.names):
        try:
            sample = dataset[index]
        except InputError as error:
            problems.append(str(error))
            continue
        counts.update(item.category for item in sample.objects)
        if sample.depth_m is None or np.isnan(sample.depth_m).all():
            without_depth.append(f"{name}: expected true depth (DepthLabeler), found none")
    notes = list(category_notes(path.name, dataset.categories, counts))
    if needs_depth:
        problems += without_depth
    elif len(without_depth) < len(dataset):
        notes += without_depth
    return Examination(len(dataset), counts.total(), tuple(problems), tuple(notes))


def _objects(
    colours: NDArray[np.uint8], capture: Entry, name: str
) -> tuple[NDArray[np.uint16], tuple[ObjectDistance, ...]]:
    """Instance image and objects of a picture (H, W, 4) in which each instance has its colour."""
    codes = colours.astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16, 1 << 24], dtype=np.uint32)
    instances = np.zeros(codes.shape, dtype=np.uint16)
    objects: list[ObjectDistance] = []
    boxes = _visible_boxes(capture)
    for colour, label, instance in instances_of(capture):
        mask = codes == sum(value << 8 * k for k, value in enumerate(colour))
        if not mask.any():
            continue  # hidden
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        if (said := boxes.get(str(instance))) is not None and np.abs(np.subtract(said, box)).max() > 2:
            raise DatasetError(
                f"{name}: BoundingBox2D of instance {shown(instance)} is {said}, but its mask has the box {box}"
            )
        objects.append(ObjectDistance(len(objects), label, box))
        instances[mask] = len(objects)
    unknown = int(((codes & 0xFFFFFF) != 0).sum()) - int((instances > 0).sum())
    if unknown > 0:
        raise DatasetError(f"{name}: {unknown} px of the instance segmentation have a colour that no instance has")
    return instances, tuple(objects)


def _visible_boxes(capture: Entry) -> dict[str, tuple[int, ...]]:
    """Box x_min, y_min, x_max, y_max by instance id, where a BoundingBox2D labeler has written them."""
    annotation = annotation_of(capture, BOXES)
    boxes = {}
    try:
        for entry in [] if annotation is None else annotation.get("values", []):
            (x, y), (width, height) = entry["origin"], entry["dimension"]
            boxes[str(entry["instanceId"])] = tuple(round(float(v)) for v in (x, y, x + width, y + height))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return {}
    return boxes


def _camera(capture: Entry, name: str) -> Camera:
    width, height = (int(side) for side in capture["dimension"])
    try:
        matrix = np.zeros((4, 4))
        matrix[:3, :3] = np.asarray(capture.get("matrix"), dtype=np.float64).reshape(3, 3)
        return Camera.from_projection_matrix(matrix, width, height)
    except (TypeError, ValueError, OverflowError):
        raise DatasetError(
            f"{name}: expected the upper 3 x 3 of the projection matrix as `matrix`, got {shown(capture.get('matrix'))}"
        ) from None


def _pose(capture: Entry, name: str) -> NDArray[np.float64] | None:
    """Pose (4, 4) of the optical frame in a right-handed world with z up; None where the capture has none."""
    position, rotation = capture.get("position"), capture.get("rotation")
    if position is None or rotation is None:
        return None
    try:
        unity = matrix_from_pose(position, rotation)
    except (InputError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{name}: expected position [x, y, z] and rotation [x, y, z, w]: {error!s:.300}") from None
    pose = np.eye(4)
    pose[:3, :3] = _TO_Z_UP @ unity[:3, :3] @ _FLIP_Y
    pose[:3, 3] = _TO_Z_UP @ unity[:3, 3]
    return pose
