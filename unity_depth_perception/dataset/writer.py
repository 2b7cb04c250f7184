"""Writer of a Unity dataset folder, readable by UnityDataset and by Unity projects."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.output_folder import output_folder, read_marker, update_marker
from unity_depth_perception.dataset.annotations import VERSION, ImageAnnotation, object_problems
from unity_depth_perception.dataset.checks.findings import raise_if_problems
from unity_depth_perception.dataset.files import write_depth, write_image, write_mask
from unity_depth_perception.dataset.sample import Sample

_SAVE_EVERY = 50  # samples; a killed program loses at most this many
_FOLDERS = ("images", "masks", "depth")
_NAMES = (*_FOLDERS, "camera_intrinsics.json", "annotations.json")


def unfinished(path: Path) -> str:
    """Part of a message where a folder's writer was interrupted; empty where it was not."""
    return ", got the dataset of a call that was interrupted" if read_marker(path).get("complete") is False else ""


class DatasetWriter:
    """Adds samples to a new dataset folder. A context manager; an interruption leaves a readable folder.

    Args:
        path: a folder that does not hold a dataset yet; made if missing.
        camera: the camera of all samples.
        depth_format: `npy` keeps float32 metres, NaN and Inf; `png` holds 16-bit millimetres.
        categories: the dataset's category list and order; if None, readers take the sorted categories of the objects.
    """

    def __init__(
        self,
        path: str | Path,
        camera: Camera,
        *,
        depth_format: Literal["npy", "png"] = "npy",
        categories: Sequence[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.camera = camera
        self._depth_suffix = f".{depth_format}"
        self._categories = None if categories is None else list(categories)
        self._images: dict[str, ImageAnnotation] = {}
        if (self.path / "annotations.json").exists():
            raise DatasetError(
                f"{self.path}: expected a new folder, but it holds a dataset already{unfinished(self.path)}"
            )
        self._open = contextlib.ExitStack()
        self._open.enter_context(output_folder(self.path, _NAMES, replace=False))
        update_marker(self.path, complete=False)
        for folder in _FOLDERS:
            (self.path / folder).mkdir(exist_ok=True)
        write_json(self.path / "camera_intrinsics.json", camera.to_intrinsics())

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.save()
            if kind is None:
                update_marker(self.path, complete=True)
        finally:
            self._open.close()

    def __len__(self) -> int:
        """Number of samples that were added."""
        return len(self._images)

    def add(self, sample: Sample) -> None:
        """Write the files of one sample.

        Raises:
            DatasetError: the name is taken or not a plain .png name, the camera differs from the dataset's, the mask
                is missing, or the objects are inconsistent.
        """
        raise_if_problems(sample.name, list(self._problems(sample)))
        write_image(self.path / "images" / sample.name, sample.image)
        if sample.instances is not None:
            write_mask(self.path / "masks" / sample.name, sample.instances)
        if sample.depth_m is not None:
            write_depth((self.path / "depth" / sample.name).with_suffix(self._depth_suffix), sample.depth_m)
        self._images[sample.name] = ImageAnnotation(
            sample.name, sample.objects, sample.world_from_camera, sample.stamp_ns
        )
        if len(self._images) == 1 or len(self._images) % _SAVE_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Write annotations.json; samples may still be added afterwards."""
        content: dict[str, object] = {"version": VERSION}
        if self._categories is not None:
            content["categories"] = self._categories
        images = [annotation.to_json() for annotation in self._images.values()]
        write_json(self.path / "annotations.json", content | {"images": images})

    def _problems(self, sample: Sample) -> list[str]:
        problems = object_problems(sample.objects)
        if Path(sample.name).name != sample.name or not sample.name.endswith(".png"):
            problems.append("expected a plain file name such as 00042.png")
        if sample.name in self._images:
            problems.append("a sample of this name has been added already")
        if sample.camera != self.camera:
            problems.append(f"expected the dataset's {self.camera}, got {sample.camera}")
        if sample.objects and sample.instances is None:
            problems.append("it has objects, so it needs an instance image")
        return problems
