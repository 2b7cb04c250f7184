"""Upload of a few numbers to the device of a tensor, for which the host does not wait."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def upload(values: Sequence[float] | NDArray[np.float64], like: Tensor) -> Tensor:
    """Values (N,), or an array of any shape, as a tensor of the dtype and on the device of another one.

    `Tensor.new_tensor` does the same, but makes the host wait until a GPU has done all that it was given before. CUDA
    copies so few bytes from the host's memory before this returns, so that they need not be kept. Not for code that is
    captured as a CUDA graph, which would keep the values of the capture.
    """
    return torch.tensor(values, dtype=like.dtype).to(like.device, non_blocking=True)
