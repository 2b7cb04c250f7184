"""Images of uploads: guarded reading of images and videos, limits, reduction of large images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ImageError, PerceptionError, shortened
from unity_depth_perception.dataset.image_inputs import image_inputs

MAX_UPLOAD_BYTES = 200_000_000
LONGEST_SIDE_PX = 1600  # larger than what any of the networks looks at; keeps pictures and clouds quick to load
_MAX_NAME = 60  # characters


@dataclass(frozen=True)
class UploadedImage:
    """An image to perceive.

    Attributes:
        name: file name for results, of letters, digits, `.`, `-` and `_` alone.
        pixels: (H, W, 3) uint8 RGB, upright, at most LONGEST_SIDE_PX a side.
        original_size: width and height [px] before the reduction.
    """

    name: str
    pixels: NDArray[np.uint8]
    original_size: tuple[int, int]

    @property
    def is_reduced(self) -> bool:
        """Whether the image was larger than LONGEST_SIDE_PX."""
        return self.original_size != (self.pixels.shape[1], self.pixels.shape[0])


def read_upload(path: Path, frame: int = 0) -> UploadedImage:
    """Read an uploaded image, or one frame of an uploaded video.

    Args:
        frame: number of the video's frame, from 0; an image ignores it.

    Raises:
        InputError: the file is no image or video that can be read safely, or the video has no such frame.
    """
    inputs = image_inputs([path], every=1)
    if len(inputs) == 1:
        return reduced(path.name, inputs[0].read())
    if not 0 <= frame < len(inputs):
        raise ImageError(f"expected the number of a frame from 0 to {len(inputs) - 1}, got {frame}")
    return reduced(inputs[frame].path.name, inputs[frame].read())


def reduced(name: str, pixels: NDArray[np.uint8]) -> UploadedImage:
    """An image of at most LONGEST_SIDE_PX a side, of the same proportions."""
    height, width = pixels.shape[:2]
    factor = LONGEST_SIDE_PX / max(width, height)
    if factor < 1:
        size = max(round(width * factor), 1), max(round(height * factor), 1)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return UploadedImage(safe_name(name), pixels, (width, height))


def safe_name(name: str) -> str:
    """A file name without folders and without characters that mean something to a shell, a page or a file system."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    stem, suffix = (stem, suffix) if dot and stem else (last, "png")
    kept = re.sub(r"[^\w-]+", "_", stem).strip("_")[:_MAX_NAME]
    return f"{kept or 'image'}.{re.sub(r'[^A-Za-z0-9]+', '', suffix)[:8] or 'png'}"


def sentence(error: PerceptionError, folder: Path) -> str:
    """Text of an error for the page, without the folders of this machine."""
    return re.sub(rf"{re.escape(str(folder))}\S*/", "", shortened(str(error)))
