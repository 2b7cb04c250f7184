"""sensor_msgs/Image to arrays and back, without a copy where the bytes allow it."""

from __future__ import annotations

import array
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from torch import Tensor

from unity_depth_perception.core.errors import ConfigurationError, ImageError
from unity_depth_perception.ops.validity import to_millimetres


class _Layout(NamedTuple):
    channels: int
    to_rgb: int | None  # OpenCV conversion code; None: the first three channels are RGB already


# 8UC3 and 8UC4 name no colour order; Unity's connector writes RGB24 and RGBA32 under these names.
_LAYOUTS = {
    "rgb8": _Layout(3, None),
    "rgba8": _Layout(4, None),
    "8UC3": _Layout(3, None),
    "8UC4": _Layout(4, None),
    "bgr8": _Layout(3, cv2.COLOR_BGR2RGB),
    "bgra8": _Layout(4, cv2.COLOR_BGRA2RGB),
    "mono8": _Layout(1, cv2.COLOR_GRAY2RGB),
    "8UC1": _Layout(1, cv2.COLOR_GRAY2RGB),
}


def rgb_of(message: Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, top row first: a view of the message's bytes for rgb8, rgba8, 8UC3, 8UC4.

    Raises:
        ImageError: unknown encoding, no pixels, or width, height, step and data do not fit each other.
    """
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        raise ImageError(f"expected an encoding of {', '.join(_LAYOUTS)}; got {message.encoding!r}")
    rows = _rows(message, layout.channels, np.dtype(np.uint8))
    pixels = rows.reshape(message.height, message.width, layout.channels)
    if layout.to_rgb is None:
        return pixels[..., :3]
    return np.asarray(cv2.cvtColor(pixels, layout.to_rgb))


def single_channel_of(message: Image) -> NDArray[Any]:
    """(H, W) float32 of a 32FC1 image, uint16 of a 16UC1 or mono16 image: a view of the message's bytes.

    Raises:
        ImageError: another encoding, no pixels, or width, height, step and data do not fit each other.
    """
    kinds = {"32FC1": "f4", "16UC1": "u2", "mono16": "u2"}
    if message.encoding not in kinds:
        raise ImageError(f"expected an encoding of {', '.join(kinds)}; got {message.encoding!r}")
    dtype = np.dtype((">" if message.is_bigendian else "<") + kinds[message.encoding])
    return _rows(message, 1, dtype)


def image_message(header: Header, pixels: NDArray[np.generic], encoding: str) -> Image:
    """An Image of `pixels` (H, W) or (H, W, C); the encoding must fit their dtype and channels."""
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    message.step = pixels.dtype.itemsize * pixels[0].size
    message.data = byte_array(pixels)
    return message


def depth_message(header: Header, depth_m: Tensor, encoding: str) -> Image:
    """depth (H, W) float32 [m] as 32FC1 [m], or as 16UC1 [mm], which has no NaN or Inf: there they are 0 (REP 118)."""
    if encoding == "32FC1":
        return image_message(header, depth_m.cpu().numpy(), encoding)
    if encoding != "16UC1":
        raise ConfigurationError(f"expected a depth encoding of 32FC1, 16UC1; got {encoding!r}")
    return image_message(header, to_millimetres(depth_m).cpu().numpy(), encoding)


def instance_message(header: Header, instances: Tensor) -> Image:
    """Instance image (H, W), 0 = background, k = object with id k - 1, as 16UC1."""
    return image_message(header, instances.cpu().numpy().astype(np.uint16), "16UC1")


def byte_array(values: NDArray[np.generic]) -> array.array[int]:
    """The bytes of an array in the one form that rosidl takes without looking at every element."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data


def _rows(message: Image, channels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """(H, W * channels) view of the message's data, without the padding of its rows."""
    size = f"{message.width} x {message.height} {message.encoding}"
    if message.width < 1 or message.height < 1:
        raise ImageError(f"expected an image of at least 1 x 1 px, got {message.width} x {message.height}")
    row_bytes = message.width * channels * dtype.itemsize
    if message.step < row_bytes:
        raise ImageError(f"expected a step of at least {row_bytes} bytes for {size}, got {message.step}")
    expected = message.step * message.height
    if len(message.data) != expected:
        raise ImageError(f"expected {expected} bytes for {size} with a step of {message.step}, got {len(message.data)}")
    padded = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    return padded[:, :row_bytes].view(dtype) if dtype.itemsize > 1 else padded[:, :row_bytes]
