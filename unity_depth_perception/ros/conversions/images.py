"""Depth and instance images: sensor_msgs/Image to single-channel arrays and back, without a copy where possible."""

from __future__ import annotations

import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from torch import Tensor

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ops.validity import to_millimetres


def image_message(header: Header, pixels: NDArray[np.generic], encoding: str) -> Image:
    """Image message of `pixels` (H, W) or (H, W, C); `encoding` must match their dtype and channels."""
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    message.step = pixels.dtype.itemsize * pixels[0].size
    message.data = byte_array(pixels)
    return message


def depth_message(header: Header, depth_m: Tensor, encoding: str) -> Image:
    """Image of depth (H, W) float32 [m] as 32FC1 [m], or as 16UC1 [mm] with 0 for NaN and Inf (REP 118)."""
    if encoding == "32FC1":
        return image_message(header, depth_m.cpu().numpy(), encoding)
    if encoding != "16UC1":
        raise ConfigurationError(f"expected a depth encoding of 32FC1, 16UC1; got {encoding!r}")
    return image_message(header, to_millimetres(depth_m).cpu().numpy(), encoding)


def instance_message(header: Header, instances: Tensor) -> Image:
    """16UC1 image of instances (H, W): 0 = background, k = object with id k - 1."""
    return image_message(header, instances.cpu().numpy().astype(np.uint16), "16UC1")


def byte_array(values: NDArray[np.generic]) -> array.array[int]:
    """Bytes of an array as `array.array`, the only type that rosidl accepts without checking every element."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data
