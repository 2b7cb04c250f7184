"""Single-channel images, and the rows of any raw image: sensor_msgs/Image to arrays, without a copy where possible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ImageError

# Single-channel encodings and their types; `single_channel_of` reads those that its caller names.
_KINDS = {"32FC1": "f4", "16UC1": "u2", "mono16": "u2", "8UC1": "u1", "mono8": "u1", "32SC1": "i4"}
DEPTH_ENCODINGS = ("32FC1", "16UC1", "mono16")
INSTANCE_ENCODINGS = ("16UC1", "mono16", "8UC1", "mono8", "32SC1")


def single_channel_of(message: Any, encodings: tuple[str, ...] = DEPTH_ENCODINGS) -> NDArray[Any]:
    """Convert a single-channel image to (H, W) of float32 (32FC1), uint16, uint8 or int32 (32SC1).

    Raises:
        ImageError: another encoding, no pixels, or width, height, step and data do not fit each other.
    """
    if message.encoding not in encodings:
        raise ImageError(f"expected an encoding of {', '.join(encodings)}; got {message.encoding!r}")
    return rows_of(message, 1, np.dtype(_KINDS[message.encoding]))


def rows_of(message: Any, channels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Pixels of an image message (H, W * channels), native byte order, without row padding; a view where possible.

    Raises:
        ImageError: no pixels, or width, height, step and data do not fit each other.
    """
    size = f"{message.width} x {message.height} {message.encoding}"
    if message.width < 1 or message.height < 1:
        raise ImageError(f"expected an image of at least 1 x 1 px, got {message.width} x {message.height}")
    row_bytes = message.width * channels * dtype.itemsize
    if message.step < row_bytes:
        hint, pixel_bytes = "", channels * dtype.itemsize
        if message.step in (0, pixel_bytes):
            hint = (
                f"; step is the bytes of a row, width x {pixel_bytes} (ROS-TCP-Connector before 0.7 sends the bytes of "
                "a pixel: update it)"
            )
        raise ImageError(f"expected a step of at least {row_bytes} bytes for {size}, got {message.step}{hint}")
    expected = message.step * message.height
    if len(message.data) != expected:
        raise ImageError(f"expected {expected} bytes for {size} with a step of {message.step}, got {len(message.data)}")
    padded = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    rows = padded[:, :row_bytes]
    if dtype.itemsize == 1:
        return rows
    ordered = dtype.newbyteorder(">" if message.is_bigendian else "<")
    return np.require(
        rows.view(ordered), dtype, ["ALIGNED"]
    )  # rows of odd length are not aligned, which OpenCV requires
