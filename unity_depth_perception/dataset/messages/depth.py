"""Depth images to metres."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.ops.validity import from_millimetres, invalid_to_nan


def depth_of(message: Any) -> torch.Tensor:
    """(H, W) float32 [m] of an image in 32FC1 [m] or 16UC1 [mm]; NaN where invalid.

    Raises:
        ImageError: another encoding, or the message does not fit together.
    """
    pixels = single_channel_of(message)
    if pixels.dtype == np.uint16:
        return from_millimetres(torch.from_numpy(pixels.astype(np.int32)))
    return invalid_to_nan(torch.from_numpy(np.require(pixels, requirements=["C", "W"])))
