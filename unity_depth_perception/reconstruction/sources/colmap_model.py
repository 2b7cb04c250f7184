"""COLMAP models as views: known cameras and poses, in the model's own unit and axes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError, ConfigurationError, DatasetError
from unity_depth_perception.dataset.files import read_image
from unity_depth_perception.ops.geometry import undistort
from unity_depth_perception.reconstruction.sources.input_view import InputView, ViewSource

_PLACES = ("sparse/0", "sparse", "colmap/sparse/0", ".")
_PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}
_DISTORTION = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")


@dataclass(frozen=True)
class ColmapModel:
    """Folders of a COLMAP model and of its images."""

    model: Path
    images: Path


def find_colmap_model(path: Path, subfolder: str | None = None) -> ColmapModel | None:
    """The model in a folder (sparse/0, sparse, or the folder itself) and its images (`images` beside it), or None.

    Args:
        subfolder: the model's folder in `path`, where there are several.
    """
    for place in _PLACES if subfolder is None else (subfolder,):
        model = path / place
        if any((model / f"cameras{ending}").is_file() for ending in (".bin", ".txt")):
            root = next((p for p in (path, *model.resolve().parents[:2]) if (p / "images").is_dir()), path)
            return ColmapModel(model, root / "images" if (root / "images").is_dir() else root)
    return None


def open_colmap(found: ColmapModel) -> ViewSource:
    """Views of a COLMAP model in the order of their names; distorted images are rectified on access.

    Raises:
        DatasetError: the model cannot be read, has no posed image, or lacks an image file.
        CameraError: a camera model that cannot be rectified.
        ConfigurationError: the package pycolmap is missing.
    """
    try:
        import pycolmap
    except ImportError:
        raise ConfigurationError(
            "a COLMAP model needs the package pycolmap, which is not installed: "
            "pip install unity-depth-perception[export]"
        ) from None
    try:
        model = pycolmap.Reconstruction(str(found.model))
    except (RuntimeError, ValueError, OSError) as error:
        raise DatasetError(f"{found.model}: not a COLMAP model that can be read: {error}") from None
    images = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    if not images:
        raise DatasetError(f"{found.model}: expected a COLMAP model with posed images, got none")
    missing = [image.name for image in images if not (found.images / image.name).is_file()]
    if missing:
        raise DatasetError(f"{found.images}: {len(missing)} images of the COLMAP model are missing: {missing[0]}, ...")
    lenses = {number: _lens(camera) for number, camera in model.cameras.items()}
    poses = [_world_from_camera(image) for image in images]

    def read(index: int) -> InputView:
        image = images[index]
        pixels = read_image(found.images / image.name)
        lens = lenses[image.camera_id].of_image(pixels.shape[1], pixels.shape[0])
        if any(lens.distortion):
            pixels = undistort(torch.from_numpy(pixels), lens, lens.camera)[0].numpy()
        return InputView(names[index], pixels, lens.camera, poses[index])

    names = [image.name.replace("/", "_") for image in images]
    return ViewSource("colmap", names, read, poses_in_metres=False)


def _lens(camera: Any) -> Lens:
    """Intrinsics and distortion of a pycolmap.Camera; COLMAP counts pixels from the image's corner."""
    name = camera.model.name
    if name not in _PARAMETERS:
        raise CameraError(
            f"COLMAP camera model {name}: expected one of {', '.join(_PARAMETERS)}; undistort the images with "
            "colmap image_undistorter"
        )
    values = dict(zip(_PARAMETERS[name].split(), map(float, camera.params), strict=True))
    fx, fy = values.get("fx", values.get("f")), values.get("fy", values.get("f"))
    assert fx is not None  # for mypy
    assert fy is not None
    pinhole = Camera(camera.width, camera.height, fx, fy, values["cx"] - 0.5, values["cy"] - 0.5)
    return Lens(pinhole, tuple(values.get(key, 0.0) for key in _DISTORTION))


def _world_from_camera(image: Any) -> Any:
    pose = np.eye(4)
    pose[:3] = image.cam_from_world().matrix()
    return np.linalg.inv(pose)
