"""Instance images: of foreign numbering, and where in them the objects are."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.ops.selection import set_lines

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


def object_window(instances: Tensor, margin_px: int) -> tuple[slice, slice]:
    """Rows and columns of the rectangle around all objects of an instance image (H, W), wider by a margin.

    What is done per pixel of the objects need not look at the rest. Without an object it is the first pixel.
    """
    height, width = instances.shape
    if not instances.numel():
        return slice(0, height), slice(0, width)
    rows, columns = set_lines(instances)
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return _around(rows, margin_px, height), _around(columns, margin_px, width)


def _around(occupied: Tensor, margin_px: int, size: int) -> slice:
    first, last = int(occupied[0]), int(occupied[-1])
    return slice(max(0, first - margin_px), min(size, last + 1 + margin_px))
