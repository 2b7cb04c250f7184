"""Colour images, raw or compressed, in any common encoding, to RGB arrays."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.dataset.guards.images import MAX_PIXELS, decode_image, image_header
from unity_depth_perception.dataset.messages.images import rows_of

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


STANDARD_ENCODINGS = (*(f"{name}{bits}" for name in _COLOURS for bits in (8, 16)), "yuv422", "yuv422_yuy2")
"""Encodings that name their colours."""

_PAIRED = (cv2.COLOR_YUV2RGB_UYVY, cv2.COLOR_YUV2RGB_YUY2)
_PLANAR = ("nv12", "nv21", "nv24", "yuv420", "i420", "yv12")  # of sensor_msgs/image_encodings.hpp and of drivers
# As sensor_msgs/CompressedImage documents it: ORIG_PIXFMT; CODEC compressed [COMPRESSED_PIXFMT]
_TRANSPORT_FORMAT = re.compile(r"(?P<original>\w+)\s*;\s*(?P<codec>jpeg|png|tiff)\s+compressed\s*(?P<pixels>\w*)\s*")
_BASE64_STARTS = {b"/9j/": "a JPEG", b"iVBOR": "a PNG", b"data:image": "an image"}


_TOPIC_KINDS = ("JPEG", "PNG")


def decode_rgb(
    message: Any,
    flip_vertical: bool = False,
    max_pixels: int = MAX_PIXELS,
    convert: Callable[[Any], NDArray[np.uint8] | None] = lambda message: None,
) -> NDArray[np.uint8]:
    """Convert an image message to (H, W, 3) uint8 RGB, top row first; rgb8, rgba8, 8UC3, 8UC4 are not copied.

    Args:
        message: with the fields of sensor_msgs/Image, or of CompressedImage with a JPEG or PNG.
        flip_vertical: the message's first row is the image's bottom row (a Unity texture's raw bytes).
        max_pixels: a compressed image of more is refused before it is decoded.
        convert: another converter, asked first for raw images that are in order and whose rows have no padding (which
            cv_bridge takes for pixels); it gives None for those it leaves.

    Raises:
        ImageError: unknown encoding, no pixels, or width, height, step and data do not fit each other.
    """
    pixels = _decompressed(message, max_pixels) if hasattr(message, "format") else _raw(message, convert)
    return pixels[::-1] if flip_vertical else pixels


def _raw(message: Any, convert: Callable[[Any], NDArray[np.uint8] | None]) -> NDArray[np.uint8]:
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        planar = message.encoding.lower() in _PLANAR
        what = " (YUV with chroma in a plane of its own): publish it as rgb8 or yuv422" if planar else ""
        raise ImageError(f"expected an encoding of {', '.join(_LAYOUTS)}; got {message.encoding!r}{what}")
    rows = rows_of(message, layout.channels, layout.dtype)  # also refuses what does not fit together
    if layout.to_rgb in _PAIRED and message.width % 2:
        raise ImageError(
            f"expected an even width, got {message.width} px: two pixels of {message.encoding} share a colour"
        )
    is_tight = message.step == message.width * layout.channels * layout.dtype.itemsize
    try:
        converted = convert(message) if is_tight else None
        if converted is not None:
            return converted
        return _converted(rows.reshape(message.height, message.width, layout.channels), layout)
    except Exception as error:  # cv2.error or CvBridgeError: a Bayer image of one pixel
        if not isinstance(error, cv2.error) and type(error).__name__ != "CvBridgeError":
            raise
        size, reason = f"{message.width} x {message.height}", getattr(error, "err", error)
        raise ImageError(f"expected an image that can be {message.encoding}, got {size} px: {reason}") from None


def _converted(pixels: NDArray[Any], layout: _Layout) -> NDArray[np.uint8]:
    """RGB of pixels (H, W, C): colours first, then 16 to 8 bits, in cv_bridge's order."""
    if layout.to_rgb is None:
        pixels = pixels[..., :3]
    else:
        pixels = np.asarray(cv2.cvtColor(pixels, layout.to_rgb))
    return _eight_bits(pixels) if layout.dtype == _UINT16 else pixels


def _eight_bits(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Scale 0..65535 to 0..255, rounded."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / 65535))


def _decompressed(message: Any, max_pixels: int) -> NDArray[np.uint8]:
    data = np.frombuffer(message.data, dtype=np.uint8)
    start = data[:16].tobytes()
    for text, what in _BASE64_STARTS.items():
        if start.startswith(text):
            raise ImageError(f"expected the bytes of a JPEG or PNG image, got base64 text of {what}: decode it first")
    if "compresseddepth" in message.format.lower():
        raise ImageError(f"expected a colour image, got {message.format!r}: that is a depth image")
    encoded = data.tobytes()
    kind = image_header(
        encoded, max_pixels
    ).kind  # before a pixel is decoded: a limit on pixels, no animated or damaged PNG
    if kind not in _TOPIC_KINDS:
        raise ImageError(f"expected a JPEG or PNG image, got {message.format!r}, which is {kind}")
    pixels = decode_image(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, max_pixels)
    return np.asarray(pixels if _holds_rgb(message.format) else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _holds_rgb(name: str) -> bool:
    """Whether OpenCV decodes an image of this format to RGB, not to BGR.

    compressed_image_transport compresses OpenCV arrays: where its format does not name a BGR order, the array was RGB,
    so that red and blue are exchanged in the file. Formats of another form (jpeg, png, empty) are plain files.
    https://github.com/ros-perception/image_transport_plugins, compressed_subscriber.cpp
    """
    found = _TRANSPORT_FORMAT.fullmatch(name.strip())
    if found is None or not found["original"].startswith(("rgb", "bgr")):
        return False
    return not found["pixels"].startswith("bgr")
