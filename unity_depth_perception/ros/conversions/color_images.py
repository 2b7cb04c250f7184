"""Colour images, raw or compressed, in any common encoding, to RGB arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.ros.conversions.images import rows_of

_UINT8, _UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)


class _Layout(NamedTuple):
    channels: int
    dtype: np.dtype[Any]
    to_rgb: int | None  # OpenCV conversion code; None: the first three channels are RGB already


# Channels and OpenCV conversion to RGB, by the first part of the encoding name (`rgb` of rgb8 and rgb16).
_COLOURS = {
    "rgb": (3, None),
    "rgba": (4, None),
    "bgr": (3, cv2.COLOR_BGR2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
    "mono": (1, cv2.COLOR_GRAY2RGB),
    "bayer_rggb": (1, cv2.COLOR_BayerRGGB2RGB),
    "bayer_bggr": (1, cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg": (1, cv2.COLOR_BayerGBRG2RGB),
    "bayer_grbg": (1, cv2.COLOR_BayerGRBG2RGB),
}
_LAYOUTS = {
    **{f"{name}8": _Layout(channels, _UINT8, code) for name, (channels, code) in _COLOURS.items()},
    **{f"{name}16": _Layout(channels, _UINT16, code) for name, (channels, code) in _COLOURS.items()},
    # Encodings without a colour order; ROS-TCP-Connector sends RGB24 and RGBA32 as 8UC3 and 8UC4.
    "8UC1": _Layout(1, _UINT8, cv2.COLOR_GRAY2RGB),
    "8UC3": _Layout(3, _UINT8, None),
    "8UC4": _Layout(4, _UINT8, None),
    "16UC1": _Layout(1, _UINT16, cv2.COLOR_GRAY2RGB),
    "16UC3": _Layout(3, _UINT16, None),
    "16UC4": _Layout(4, _UINT16, None),
    # Chroma is shared by two pixels: U Y V Y, or Y U Y V.
    "yuv422": _Layout(2, _UINT8, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": _Layout(2, _UINT8, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": _Layout(2, _UINT8, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": _Layout(2, _UINT8, cv2.COLOR_YUV2RGB_YUY2),
}


def rgb_of(message: Image | CompressedImage, flip_vertical: bool = False) -> NDArray[np.uint8]:
    """Convert an image message to (H, W, 3) uint8 RGB, top row first; rgb8, rgba8, 8UC3, 8UC4 are not copied.

    Args:
        message: raw image, or JPEG or PNG.
        flip_vertical: the message's first row is the image's bottom row (a Unity texture's raw bytes).

    Raises:
        ImageError: unknown encoding, no pixels, or width, height, step and data do not fit each other.
    """
    pixels = _decompressed(message) if isinstance(message, CompressedImage) else _raw(message)
    return pixels[::-1] if flip_vertical else pixels


def _raw(message: Image) -> NDArray[np.uint8]:
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        raise ImageError(f"expected an encoding of {', '.join(_LAYOUTS)}; got {message.encoding!r}")
    shape = (message.height, message.width, layout.channels)
    pixels = rows_of(message, layout.channels, layout.dtype).reshape(shape)
    if layout.dtype is _UINT16:
        pixels = _eight_bits(pixels).reshape(shape)
    if layout.to_rgb is None:
        return pixels[..., :3]
    try:
        return np.asarray(cv2.cvtColor(pixels, layout.to_rgb))
    except cv2.error as error:  # such as a Bayer image of one pixel, or yuv422 of odd width
        size = f"{message.width} x {message.height}"
        raise ImageError(f"expected an image that can be {message.encoding}, got {size} px: {error.err}") from None


def _eight_bits(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Scale 0..65535 to 0..255, rounded."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / 65535))


def _decompressed(message: CompressedImage) -> NDArray[np.uint8]:
    data = np.frombuffer(message.data, dtype=np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    except cv2.error as error:  # for instance more pixels than OpenCV reads
        raise ImageError(f"expected a JPEG or PNG image, got {message.format!r}: {error.err}") from None
    if pixels is None:
        raise ImageError(f"expected a JPEG or PNG image, got {data.size} bytes of {message.format!r} that are neither")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
