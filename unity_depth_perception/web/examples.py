"""What visitors may choose instead of an upload: rendered scenes, a virtual tour, the dataset of the page."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.sources import DatasetSamples
from unity_depth_perception.export.text import Picture
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig
from unity_depth_perception.web.uploads import safe_name

_SEEDS = (4, 3, 11)
_SIZE_PX = (480, 360)
CAMERA_FILE = "camera_intrinsics.json"
TOUR = "Virtual tour"
TOUR_FRAMES, _TOUR_SEED, _TOUR_SIZE_PX, _TOUR_FOV_RAD = 8, 1, (320, 240), math.radians(60)

Track = Callable[[Sequence[int], str], Iterable[int]]
"""Yields the indices that it is given, and may report them or end the job."""


@dataclass
class PageDatasets:
    """Datasets whose images visitors may use: a virtual tour, rendered at its first use, and that of the page.

    Attributes:
        given: the dataset or bag that the page was started with.
    """

    given: DatasetSamples | None = None
    _tour: list[Sample] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the datasets; of the given one its file's or folder's."""
        return (TOUR,) if self.given is None else (self._given_name, TOUR)

    @property
    def _given_name(self) -> str:
        return "" if self.given is None else self.given.path.resolve().name

    def count(self, name: str) -> int:
        """Number of images of a dataset; raises InputError if there is none of this name."""
        if name == TOUR:
            return TOUR_FRAMES
        return len(self._require_given(name))

    def open(self, name: str, track: Track) -> PageSamples:
        """A dataset by its name; raises InputError if there is none of this name."""
        if name != TOUR:
            given = self._require_given(name)
            return PageSamples(name, given.names, given.__getitem__)
        with self._lock:
            if len(self._tour) < TOUR_FRAMES:
                tour = Tour(TourConfig(TOUR_FRAMES), _TOUR_SEED, *_TOUR_SIZE_PX, _TOUR_FOV_RAD)
                for number in track(range(len(self._tour), TOUR_FRAMES), "rendering the tour"):
                    self._tour.append(tour[number])
        return PageSamples(name, tuple(sample.name for sample in self._tour), self._tour.__getitem__)

    def _require_given(self, name: str) -> DatasetSamples:
        if self.given is None or name != self._given_name:
            raise InputError(f"expected one of the page's datasets {', '.join(self.names)}, got {name[:60]!r}")
        return self.given


@dataclass(frozen=True)
class PageSamples:
    """Samples of a dataset whose path is its name alone: a report about it tells no folder of this machine."""

    name: str
    names: tuple[str, ...]
    read: Callable[[int], Sample]

    @property
    def path(self) -> Path:
        """The name, as a path."""
        return Path(self.name)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return self.read(index)


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
