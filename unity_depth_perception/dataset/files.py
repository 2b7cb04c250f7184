"""Reading and writing of the image, mask and depth files of a dataset folder.

image   8-bit RGB png
mask    16-bit png, 0 = background, k = object with id k - 1
depth   .npy float metres | .exr float metres | .png 16-bit millimetres, 0 = invalid
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError, ImageError
from unity_depth_perception.core.files.atomic_file import write_file
from unity_depth_perception.core.files.json_file import read_regular_file
from unity_depth_perception.dataset.guards.depth_arrays import exr_size, read_exr, read_npy
from unity_depth_perception.dataset.guards.images import ImageHeader, decode_image, decode_indices, image_header
from unity_depth_perception.ops.validity import from_millimetres, invalid_to_nan, to_millimetres

DEPTH_SUFFIXES = (".npy", ".exr", ".png")  # in order of preference
_MAX_BYTES = 1 << 28  # of an encoded image


def png_size(path: Path) -> tuple[int, int]:
    """Width and height [px] from the header of a png, without decoding it."""
    header = image_file_header(path)
    if header.kind != "PNG":
        raise DatasetError(f"{path}: expected a png file, got a {header.kind}")
    return header.width, header.height


def image_file_header(path: Path) -> ImageHeader:
    """Header of an image file.

    Raises:
        DatasetError: the file cannot be read, or is no image that can be decoded safely.
    """
    data = read_regular_file(path, "an image", _MAX_BYTES, DatasetError)
    try:
        return image_header(data)
    except ImageError as error:
        raise DatasetError(f"{path}: {error}") from None


def depth_size(path: Path) -> tuple[int, int]:
    """Width and height [px] of a depth file, without decoding it."""
    if path.suffix == ".png":
        return png_size(path)
    if path.suffix == ".exr":
        return exr_size(path)
    shape = read_npy(path).shape
    if len(shape) != 2:
        raise DatasetError(f"{path}: expected depth (H, W), got shape {shape}")
    return shape[1], shape[0]


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB; grey becomes RGB, alpha is dropped, the EXIF orientation is applied.

    Raises:
        DatasetError: the file cannot be read, or is no image that can be decoded safely.
    """
    image = _decoded(path, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def exif_note(path: Path) -> str:
    """Part of a message on an image of an unexpected size: its EXIF orientation; empty where it is upright."""
    header = image_file_header(path)
    if header.orientation == 1:
        return ""
    return (
        f"; its EXIF orientation {header.orientation} turns the {header.width} x {header.height} px that are stored: "
        "turn the file itself upright, so that every program sees the same image"
    )


def read_mask(path: Path) -> NDArray[np.uint16]:
    """Read an instance image (H, W) uint16; of a palette the indices count, not the colours.

    Raises:
        DatasetError: the file cannot be read, or holds colours.
    """
    header = image_file_header(path)
    if header.has_palette:
        try:
            return decode_indices(read_regular_file(path, "an image", _MAX_BYTES, DatasetError)).astype(np.uint16)
        except ImageError as error:
            raise DatasetError(f"{path}: {error}") from None
    if header.channels != 1:
        raise DatasetError(
            f"{path}: expected a mask with one 16-bit channel (value = object id + 1), got {header.kind} colours; "
            "colours of com.unity.perception need its SOLO folder, whose metadata say which object each colour is"
        )
    mask = _decoded(path, cv2.IMREAD_UNCHANGED)
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16):
        raise DatasetError(f"{path}: expected a mask with one 16-bit channel, got {mask.shape} {mask.dtype}")
    return np.asarray(mask, dtype=np.uint16)


def read_colours(path: Path) -> NDArray[np.uint8]:
    """Read a picture in which colours stand for objects, (H, W, 4) uint8 RGBA."""
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3 or image.shape[2] not in (3, 4) or image.dtype != np.uint8:
        raise DatasetError(f"{path}: expected 8-bit RGBA colours, got {image.shape} {image.dtype}")
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)


def read_depth(path: Path) -> NDArray[np.float32]:
    """Read planar depth (H, W) float32 [m]; NaN invalid (0, negative and -Inf in the file too), +Inf beyond range.

    Raises:
        DatasetError: the file cannot be read, or holds something else.
    """
    if path.suffix == ".png":
        if image_file_header(path).channels != 1:
            raise DatasetError(f"{path}: expected depth in 16-bit millimetres, got colours")
        raw = _decoded(path, cv2.IMREAD_UNCHANGED)
        if raw.ndim != 2 or raw.dtype != np.uint16:
            raise DatasetError(f"{path}: expected depth in 16-bit millimetres, got {raw.shape} {raw.dtype}")
        return np.asarray(from_millimetres(torch.from_numpy(raw)).numpy())
    values = read_npy(path) if path.suffix == ".npy" else read_exr(path)
    if values.ndim != 2 or values.dtype.kind != "f":
        raise DatasetError(f"{path}: expected depth (H, W) in float metres, got {values.shape} {values.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):  # of float64 beyond float32's range: infinite
        metres = values.astype(np.float32)
    return np.asarray(invalid_to_nan(torch.from_numpy(metres)).numpy())


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB as png."""
    _write_png(path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def write_mask(path: Path, instances: NDArray[np.uint16]) -> None:
    """Write an instance image (H, W) uint16 as png."""
    _write_png(path, instances)


def write_depth(path: Path, depth_m: NDArray[np.float32]) -> None:
    """Write depth (H, W) [m]: exactly as .npy, rounded to millimetres as .png."""
    if path.suffix == ".npy":
        write_array(path, depth_m.astype(np.float32))
    elif path.suffix == ".png":
        _write_png(path, to_millimetres(torch.from_numpy(depth_m)).numpy())
    else:
        raise DatasetError(f"{path}: expected a depth file .npy or .png")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy, whole or not at all."""
    content = io.BytesIO()  # numpy names no file where the disk is full
    np.save(content, array, allow_pickle=False)
    write_file(path, content.getvalue(), durable=False)


def _decoded(path: Path, flags: int) -> NDArray[np.generic]:
    try:
        return decode_image(read_regular_file(path, "an image", _MAX_BYTES, DatasetError), flags)
    except ImageError as error:
        raise DatasetError(f"{path}: {error}") from None


def _write_png(path: Path, image: NDArray[np.generic]) -> None:
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise DatasetError(f"{path}: OpenCV cannot encode {image.shape} {image.dtype} as png")
    write_file(path, data.tobytes(), durable=False)
