"""Images to choose instead of an upload: rendered scenes, and frames of the dataset that the page was started with."""

from __future__ import annotations

from pathlib import Path

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sources import DatasetSamples
from unity_depth_perception.export.text import Picture
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.web.uploads import safe_name

_SEEDS = (4, 3, 11)
_SIZE_PX = (480, 360)
CAMERA_FILE = "camera_intrinsics.json"


def render_examples(folder: Path) -> list[Path]:
    """Render virtual scenes to image files, each in a folder of its own with its camera file."""
    paths = []
    for number, seed in enumerate(_SEEDS, 1):
        sample = render_sample(random_scene(seed, *_SIZE_PX))
        place = folder / f"example_{number}"
        paths.append(_write(place, f"example_{number}.png", sample.image, sample.camera))
    return paths


def write_frame(dataset: DatasetSamples, name: str, folder: Path) -> Path:
    """Write one frame of a dataset as an image file with its camera file beside it; returns the image.

    Raises:
        InputError: there is no such frame, or it cannot be read.
    """
    if name not in dataset.names:
        raise InputError(f"expected a frame of the dataset, got {name[:60]!r}")
    sample = dataset[dataset.names.index(name)]
    return _write(folder, Path(safe_name(name)).stem + ".png", sample.image, sample.camera)


def _write(folder: Path, name: str, image: Picture, camera: Camera) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / name, image)
    write_json(folder / CAMERA_FILE, camera.to_intrinsics())
    return folder / name
