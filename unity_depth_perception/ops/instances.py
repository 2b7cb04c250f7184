"""Instance images of foreign numbering."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.core.errors import InputError

_MOST = 2**16


def numbered(instances: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """An instance image whose objects are numbered 1..N without gaps, and the value that each had before.

    Args:
        instances: (H, W) any integer dtype, 0..65535, 0 = background.

    Returns:
        (H, W) int32, and N values in ascending order.

    Raises:
        InputError: not (H, W) integers of 16 bits.
    """
    if instances.ndim != 2 or instances.dtype.is_floating_point:
        raise InputError(
            f"expected an instance image (H, W) of integers, got {tuple(instances.shape)} {instances.dtype}"
        )
    index = instances.to(torch.int64)
    if index.numel() and (index.min() < 0 or index.max() >= _MOST):
        raise InputError(f"expected instance values 0..{_MOST - 1}, got {int(index.min())}..{int(index.max())}")
    present = torch.bincount(index.flatten(), minlength=_MOST) > 0
    present[0] = False
    numbers = torch.cumsum(present, 0) * present
    return numbers[index].to(torch.int32), tuple(present.nonzero().squeeze(1).tolist())
