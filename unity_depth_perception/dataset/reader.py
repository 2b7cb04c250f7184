"""Reader of a Unity dataset folder: checked on opening, read image by image.

    images/00042.png  masks/00042.png  depth/00042.png | .exr | .npy (optional)
    camera_intrinsics.json  annotations.json

Images that annotations.json does not name are left out. An image that has objects needs a mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, DatasetError
from unity_depth_perception.dataset.annotations import Annotations, ImageAnnotation
from unity_depth_perception.dataset.checks.findings import raise_if_problems
from unity_depth_perception.dataset.files import DEPTH_SUFFIXES, depth_size, png_size, read_depth, read_image, read_mask
from unity_depth_perception.dataset.guards.paths import inside
from unity_depth_perception.dataset.sample import Sample, fingerprint


class UnityDataset:
    """The samples of a dataset folder, in the order of annotations.json; each is read on access.

    Attributes:
        path: the folder.
        names: file names of the images.
        camera: the camera of all images.
        categories: the list in annotations.json if present, else the sorted categories of its objects.
    """

    def __init__(self, path: str | Path) -> None:
        """Check that the folder is complete and consistent, except for pixel values.

        Raises:
            DatasetError: files are missing or inconsistent; lists every problem.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise DatasetError(f"{self.path}: {missing_folder_problem(self.path)}")
        if not any((self.path / "images").glob("*.png")):
            raise DatasetError(f"{self.path / 'images'}: expected images such as 00042.png, but there are none")
        annotations = Annotations.read(self.path / "annotations.json")
        if not annotations.images:
            raise DatasetError(f"{self.path / 'annotations.json'}: expected at least one image, but it names none")
        try:
            self.camera = Camera.from_intrinsics_file(self.path / "camera_intrinsics.json")
        except CameraError as error:
            raise DatasetError(str(error)) from None
        self.categories = annotations.categories
        self.names = tuple(image.image for image in annotations.images)
        self._images = annotations.images
        raise_if_problems(
            str(self.path), [line for image in self._images for line in file_problems(self.path, self.camera, image)]
        )

    def __len__(self) -> int:
        return len(self._images)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it: the camera's."""
        return self.camera.width, self.camera.height

    def fingerprint(self, index: int) -> str:
        """Hash of the files, annotations and camera of a sample."""
        annotation = self._images[index]
        mask = self.path / "masks" / annotation.image
        files = (self.path / "images" / annotation.image, mask if mask.is_file() else None)
        values = (annotation.to_json(), self.camera.to_intrinsics())
        return fingerprint((*files, depth_path(self.path, annotation.image)), values)

    def __iter__(self) -> Iterator[Sample]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: `index` is out of range.
            DatasetError: a file cannot be decoded, or the mask holds an object that is not annotated.
        """
        annotation = self._images[index]
        sample = Sample(
            name=annotation.image,
            image=read_image(self.path / "images" / annotation.image),
            camera=self.camera,
            objects=annotation.objects,
            depth_m=read_depth(depth) if (depth := depth_path(self.path, annotation.image)) else None,
            instances=read_mask(mask) if (mask := self.path / "masks" / annotation.image).is_file() else None,
            world_from_camera=annotation.world_from_camera,
            stamp_ns=annotation.stamp_ns,
        )
        if sample.instances is not None and (unannotated := unannotated_ids_problem(sample.instances, annotation)):
            raise DatasetError(f"{mask}: {unannotated}")
        return sample


def missing_folder_problem(path: Path) -> str:
    """Message for a dataset path that is not a folder."""
    return f"expected a dataset folder, {'got a file' if path.exists() else 'but there is no such folder'}"


def instance_values(instances: NDArray[np.uint16]) -> set[int]:
    """Values that occur in an instance image (H, W)."""
    return set(np.flatnonzero(np.bincount(instances.reshape(-1))).tolist())


def file_problems(root: Path, camera: Camera, annotation: ImageAnnotation) -> Iterator[str]:
    """Problems of the files of one image that are found without decoding them."""
    try:
        image, mask = (inside(root, f"{folder}/{annotation.image}") for folder in ("images", "masks"))
        depth = depth_path(root, annotation.image)
    except DatasetError as error:
        yield str(error)
        return
    if not image.is_file():
        yield f"images/{annotation.image}: named in annotations.json, but there is no such file"
    if annotation.objects and not mask.is_file():
        yield f"masks/{annotation.image}: its image has objects, but there is no such file"
    expected = (camera.width, camera.height)
    for path in (image, mask, depth):
        if path is None or not path.is_file():
            continue
        try:
            size = depth_size(path) if path is depth else png_size(path)
        except DatasetError as error:
            yield str(error)
            continue
        if size != expected:
            yield (
                f"{path.relative_to(root)}: expected {expected[0]} x {expected[1]} px as in "
                f"camera_intrinsics.json, got {size[0]} x {size[1]}"
            )


def unannotated_ids_problem(instances: NDArray[np.uint16], annotation: ImageAnnotation) -> str | None:
    """Message that lists the values of a mask (H, W) without an annotated object; None if there are none."""
    unannotated = instance_values(instances) - {0} - {o.id + 1 for o in annotation.objects}
    if not unannotated:
        return None
    return (
        f"holds the values {sorted(unannotated)}, but annotations.json has no objects with the ids "
        f"{sorted(v - 1 for v in unannotated)} (value = id + 1)"
    )


def depth_path(root: Path, image: str) -> Path | None:
    """Path of the depth file of an image; None if it has none."""
    candidates = (inside(root, f"depth/{Path(image).stem}{suffix}") for suffix in DEPTH_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)
