"""A Unity dataset folder, checked once and then read image by image.

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
from unity_depth_perception.dataset.annotations import Annotations, ImageAnnotation, refuse
from unity_depth_perception.dataset.files import DEPTH_SUFFIXES, depth_size, png_size, read_depth, read_image, read_mask
from unity_depth_perception.dataset.sample import Sample


class UnityDataset:
    """The samples of a dataset folder, in the order of annotations.json; each is read when it is asked for.

    Attributes:
        path: the folder.
        names: file names of the images.
        camera: the camera of all images.
        categories: the list in annotations.json if it has one, else the categories of its objects, sorted.
    """

    def __init__(self, path: str | Path) -> None:
        """Check that the folder is complete and consistent: everything but the pixels.

        Raises:
            DatasetError: lists what is missing or does not fit.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise DatasetError(f"{self.path}: {no_folder(self.path)}")
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
        refuse(
            str(self.path), [line for image in self._images for line in file_problems(self.path, self.camera, image)]
        )

    def __len__(self) -> int:
        return len(self._images)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, without reading it: all have the camera's."""
        return self.camera.width, self.camera.height

    def __iter__(self) -> Iterator[Sample]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: there are fewer samples.
            DatasetError: a file cannot be decoded, or the mask shows an object that is not annotated.
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
        )
        if sample.instances is not None and (strangers := unannotated_ids(sample.instances, annotation)):
            raise DatasetError(f"{mask}: {strangers}")
        return sample


def no_folder(path: Path) -> str:
    """What is wrong with a path that is no folder."""
    return f"expected a dataset folder, {'got a file' if path.exists() else 'but there is no such folder'}"


def values_in(instances: NDArray[np.uint16]) -> set[int]:
    """The values that occur in an instance image (H, W)."""
    return set(np.flatnonzero(np.bincount(instances.reshape(-1))).tolist())


def file_problems(root: Path, camera: Camera, annotation: ImageAnnotation) -> Iterator[str]:
    """What is wrong with the files of one image: all that shows without decoding them."""
    image, mask = (root / folder / annotation.image for folder in ("images", "masks"))
    depth = depth_path(root, annotation.image)
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


def unannotated_ids(instances: NDArray[np.uint16], annotation: ImageAnnotation) -> str | None:
    """What the values of a mask (H, W) that belong to no annotated object are, if there are any."""
    strangers = values_in(instances) - {0} - {o.id + 1 for o in annotation.objects}
    if not strangers:
        return None
    return (
        f"holds the values {sorted(strangers)}, but annotations.json has no objects with the ids "
        f"{sorted(v - 1 for v in strangers)} (value = id + 1)"
    )


def depth_path(root: Path, image: str) -> Path | None:
    """The depth file of an image, if it has one."""
    candidates = (root / "depth" / (Path(image).stem + suffix) for suffix in DEPTH_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)
