"""Indices of the pixels of a mask, and of those of each object."""

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


def by_label(labels: Tensor) -> list[tuple[int, Tensor]]:
    """Each value that occurs in `labels` (P,) integer >= 0, ascending, with the indices of its places, ascending.

    On a GPU they are sorted, so that the host waits twice, not for each value.
    """
    if labels.device.type == "cpu":
        return [(label, set_pixels(labels == label)) for label in torch.bincount(labels).nonzero().flatten().tolist()]
    ordered, order = torch.sort(labels, stable=True)
    values, counts = torch.unique_consecutive(ordered, return_counts=True)
    found, sizes = torch.stack([values.long(), counts]).tolist()
    return list(zip(found, torch.split(order, sizes), strict=True))
