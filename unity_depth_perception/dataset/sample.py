"""Sample: one image with its ground truth, as read from datasets and rendered by virtual Unity."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import ObjectDistance


@dataclass(frozen=True)
class Sample:
    """An image with its camera and ground truth; None where a truth is unknown.

    Attributes:
        name: file name of the image, `00042.png`.
        image: (H, W, 3) uint8 RGB.
        camera: intrinsics of the image, same size.
        objects: annotated objects with true distances and parents; ids are the instance image's values minus one.
        depth_m: (H, W) float32 true planar depth [m]; NaN invalid, +Inf beyond range.
        instances: (H, W) uint16 instance image, 0 = background, k = object with id k - 1.
        world_from_camera: (4, 4) float64 pose of the optical frame in a world with z up.
        stamp_ns: time of the image [ns], where the source has one.
        frame_id: name of the optical frame, where the source has one.
        lens: of a raw picture, which the pipeline rectifies to `camera`; None: the image is rectified.
    """

    name: str
    image: NDArray[np.uint8]
    camera: Camera
    objects: tuple[ObjectDistance, ...] = ()
    depth_m: NDArray[np.float32] | None = None
    instances: NDArray[np.uint16] | None = None
    world_from_camera: NDArray[np.float64] | None = None
    stamp_ns: int | None = None
    frame_id: str = ""
    lens: Lens | None = None

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        if self.image.shape != (*size, 3) or self.image.dtype != np.uint8:
            raise DatasetError(
                f"{self.name}: expected an image {(*size, 3)} uint8 as the camera says, "
                f"got {self.image.shape} {self.image.dtype}"
            )
        for name, array, dtype in (("depth", self.depth_m, np.float32), ("mask", self.instances, np.uint16)):
            if array is not None and (array.shape != size or array.dtype != dtype):
                raise DatasetError(
                    f"{self.name}: expected {name} {size} {np.dtype(dtype)}, got {array.shape} {array.dtype}"
                )
        if self.world_from_camera is not None and self.world_from_camera.shape != (4, 4):
            raise DatasetError(f"{self.name}: expected a camera pose (4, 4), got {self.world_from_camera.shape}")


def fingerprint(files: Iterable[Path | None], values: object) -> str:
    """Hash of the content of files and of values that JSON can hold; None stands for a file that is not there."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for path in files:
        with path.open("rb") if path is not None else io.BytesIO() as file:
            digest.update(b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


class SampleSource(Protocol):
    """Samples by index: a UnityDataset, or scenes in memory."""

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


Progress = Callable[[Sequence[int]], Iterable[int]]
"""Yields the indices that it is given: `iter`, or a progress bar around it."""
