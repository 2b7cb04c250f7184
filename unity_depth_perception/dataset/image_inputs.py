"""Images to process, named by files, folders, patterns and videos."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError, ImageError
from unity_depth_perception.dataset.guards.images import MAX_PIXELS, content_name

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif")
_PATTERN = frozenset("*?[")
_SHOWN = 10


class ImageInput:
    """An image file, or a frame of a video.

    Attributes:
        path: of the image; of a frame of a video `clip_000030.png` beside the video, where no file is.
        source: the file that is read.
    """

    def __init__(self, path: Path, video: _Video | None = None, frame: int = 0) -> None:
        self.path = path
        self.source = path if video is None else video.path
        self._video, self._frame = video, frame

    def read(self) -> NDArray[np.uint8]:
        """Read the image (H, W, 3) uint8 RGB.

        Raises:
            DatasetError: it cannot be read.
        """
        from unity_depth_perception.dataset.files import read_image  # torch is not needed to find a file missing

        return read_image(self.path) if self._video is None else self._video.read(self._frame)


def image_inputs(names: Iterable[Path], every: int) -> list[ImageInput]:
    """Images of files, of all image files in folders, of patterns such as `photos/*.jpg`, and of videos.

    Args:
        every: step between the frames of a video.

    Raises:
        ImageError: a file is missing, a folder or a pattern has no image, or a video cannot be opened; lists them all.
    """
    inputs: list[ImageInput] = []
    problems: list[str] = []
    for name in names:
        try:
            inputs += _inputs_of(name, every)
        except ImageError as error:
            problems.append(str(error))
    raise_if_images_failed("expected image files, got", problems)
    return inputs


def video_fps(path: Path) -> float | None:
    """Frames per second of a video by its container (25 if that says none); None if the file is not a video."""
    if not path.is_file() or path.suffix.lower() in _SUFFIXES:
        return None
    with path.open("rb") as file:
        if not content_name(file.read(16)).startswith("a video"):
            return None
    rate = float(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS))
    return rate if 0 < rate < 1000 else 25.0


def raise_if_images_failed(title: str, problems: list[str]) -> None:
    """Raise one ImageError that lists the first problems, if there are any."""
    if problems:
        more = f"\n  ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ImageError(title + "".join(f"\n  - {problem}" for problem in problems[:_SHOWN]) + more)


def _inputs_of(name: Path, every: int) -> Iterator[ImageInput]:
    if name.is_dir():
        files = sorted(p for p in name.iterdir() if p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
        if not files:
            raise ImageError(f"{name}: a folder without images")
        yield from map(ImageInput, files)
    elif name.is_file():
        with name.open("rb") as file:
            is_video = content_name(file.read(16)).startswith("a video")
        if is_video and name.suffix.lower() not in _SUFFIXES:
            video = _Video(name)
            for frame in range(0, video.count, every):
                yield ImageInput(name.with_name(f"{name.stem}_{frame:06d}.png"), video, frame)
        else:
            yield ImageInput(name)
    elif _PATTERN & set(str(name)):
        found = sorted(Path(match) for match in glob.glob(str(name), recursive=True) if Path(match).is_file())  # noqa: PTH207
        if not found:
            raise ImageError(f"{name}: no file of this pattern")
        yield from map(ImageInput, found)
    else:
        raise ImageError(f"{name}: no such file")


class _Video:
    """A video file, whose frames are read in ascending order.

    Attributes:
        count: number of its frames, found by reading them once: containers often say a wrong one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise ImageError(f"{path}: a video that OpenCV cannot open")
        width, height = (int(self._capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            raise ImageError(f"{path}: expected frames of at most {MAX_PIXELS / 1e6:g} million pixels")
        self.count = 0
        while self._capture.grab():
            self.count += 1
        if not self.count:
            raise ImageError(f"{path}: a video without a frame that can be decoded")
        self._capture = cv2.VideoCapture(str(path))
        self._next = 0

    def read(self, frame: int) -> NDArray[np.uint8]:
        while self._next < frame and self._capture.grab():
            self._next += 1
        good, pixels = self._capture.read()
        self._next += 1
        if not good:
            raise DatasetError(f"{self.path}: frame {frame} cannot be decoded")
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
