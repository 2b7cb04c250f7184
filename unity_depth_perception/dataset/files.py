"""Reading and writing of the image, mask and depth files of a dataset folder.

image   8-bit RGB png
mask    16-bit png, 0 = background, k = object with id k - 1
depth   .npy float metres | .exr float metres | .png 16-bit millimetres, 0 = invalid
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.ops.validity import from_millimetres, invalid_to_nan, to_millimetres

os.environ.setdefault(
    "OPENCV_IO_ENABLE_OPENEXR", "1"
)  # OpenCV enables its EXR codec only if this is set before its first use
import cv2

DEPTH_SUFFIXES = (".npy", ".exr", ".png")  # in order of preference
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_size(path: Path) -> tuple[int, int]:
    """Width and height [px] from the header of a png, without decoding it."""
    with path.open("rb") as file:
        header = file.read(24)
    if len(header) < 24 or not header.startswith(_PNG_SIGNATURE):
        raise DatasetError(f"{path}: expected a png file")
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def depth_size(path: Path) -> tuple[int, int]:
    """Width and height [px] of a depth file; only .exr is decoded for it."""
    if path.suffix == ".png":
        return png_size(path)
    shape = _read_npy(path).shape if path.suffix == ".npy" else read_depth(path).shape
    if len(shape) != 2:
        raise DatasetError(f"{path}: expected depth (H, W), got shape {shape}")
    return shape[1], shape[0]


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB; grey becomes RGB, alpha is dropped."""
    image = _decoded(path, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_mask(path: Path) -> NDArray[np.uint16]:
    """Read an instance image (H, W) uint16."""
    mask = _decoded(path, cv2.IMREAD_UNCHANGED)
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16):
        raise DatasetError(f"{path}: expected a mask with one 16-bit channel, got {mask.shape} {mask.dtype}")
    return np.asarray(mask, dtype=np.uint16)


def read_depth(path: Path) -> NDArray[np.float32]:
    """Read planar depth (H, W) float32 [m]; NaN invalid (0, negative and -Inf in the file too), +Inf beyond range."""
    if path.suffix == ".png":
        raw = _decoded(path, cv2.IMREAD_UNCHANGED)
        if raw.ndim != 2 or raw.dtype != np.uint16:
            raise DatasetError(f"{path}: expected depth in 16-bit millimetres, got {raw.shape} {raw.dtype}")
        return np.asarray(from_millimetres(torch.from_numpy(raw)).numpy())
    values = _read_npy(path) if path.suffix == ".npy" else _read_exr(path)
    if values.ndim != 2 or values.dtype.kind != "f":
        raise DatasetError(f"{path}: expected depth (H, W) in float metres, got {values.shape} {values.dtype}")
    return np.asarray(invalid_to_nan(torch.from_numpy(values.astype(np.float32))).numpy())


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB as png."""
    _write_png(path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def write_mask(path: Path, instances: NDArray[np.uint16]) -> None:
    """Write an instance image (H, W) uint16 as png."""
    _write_png(path, instances)


def write_depth(path: Path, depth_m: NDArray[np.float32]) -> None:
    """Write depth (H, W) [m]: exactly as .npy, rounded to millimetres as .png."""
    if path.suffix == ".npy":
        np.save(path, depth_m.astype(np.float32), allow_pickle=False)
    elif path.suffix == ".png":
        _write_png(path, to_millimetres(torch.from_numpy(depth_m)).numpy())
    else:
        raise DatasetError(f"{path}: expected a depth file .npy or .png")


def _decoded(path: Path, flags: int) -> NDArray[np.generic]:
    data = np.frombuffer(_bytes(path), dtype=np.uint8)  # not cv2.imread: it reports a missing file as a log line
    image = cv2.imdecode(data, flags) if len(data) else None
    if image is None:
        raise DatasetError(f"{path}: expected an image file, but OpenCV cannot decode it; is it truncated?")
    return np.asarray(image)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot read: {error.strerror or error}") from None


def _read_npy(path: Path) -> NDArray[np.generic]:
    try:
        return np.asarray(np.load(path, allow_pickle=False, mmap_mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: expected an array written by numpy.save: {error}") from None


def _read_exr(path: Path) -> NDArray[np.generic]:
    try:
        image = _decoded(path, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise DatasetError(
            f"{path}: this OpenCV reads no EXR ({error.err}); set OPENCV_IO_ENABLE_OPENEXR=1 before Python starts, "
            "or convert the depth to .npy"
        ) from None
    return image if image.ndim == 2 else image[..., -1]  # OpenCV's channel order is BGR: the last is R, where depth is


def _write_png(path: Path, image: NDArray[np.generic]) -> None:
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise DatasetError(f"{path}: OpenCV cannot encode {image.shape} {image.dtype} as png")
    path.write_bytes(data.tobytes())
