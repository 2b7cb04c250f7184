"""Colour images to RGB arrays, by cv_bridge where it is installed.

cv_bridge converts the standard encodings; the others, images with padded rows, and those that need no copy, are
converted without it. Both give the same bytes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from unity_depth_perception.dataset.guards.images import MAX_PIXELS
from unity_depth_perception.dataset.messages.color_images import STANDARD_ENCODINGS, decode_rgb

BRIDGED = tuple(encoding for encoding in STANDARD_ENCODINGS if encoding not in ("rgb8", "rgba8"))
"""Encodings whose conversion is left to cv_bridge where it is installed; the others are views here, which it copies."""


@cache
def cv_bridge() -> Any:
    """The CvBridge of cv_bridge; None where it is not installed or does not load (it is built for NumPy 1)."""
    try:
        from cv_bridge import CvBridge
    except (ImportError, AttributeError):
        return None
    return CvBridge()


def rgb_of(
    message: Image | CompressedImage, flip_vertical: bool = False, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Convert an image message to (H, W, 3) uint8 RGB, top row first; arguments and errors as `decode_rgb`."""
    return decode_rgb(message, flip_vertical, max_pixels, _by_cv_bridge)


def _by_cv_bridge(message: Image) -> NDArray[np.uint8] | None:
    bridge = cv_bridge() if message.encoding in BRIDGED else None
    return None if bridge is None else np.asarray(bridge.imgmsg_to_cv2(message, "rgb8"))
