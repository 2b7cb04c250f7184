"""Indices of the pixels of a mask."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def set_pixels(mask: Tensor) -> Tensor:
    """Flat indices (P,) int64 y * W + x, in raster order, of the True pixels of `mask` (H, W) bool.

    On a CPU, NumPy finds them in the same memory in a fraction of the time of Tensor.nonzero.
    """
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.reshape(-1).nonzero().squeeze(1)
