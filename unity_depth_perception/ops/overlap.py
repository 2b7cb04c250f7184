"""Mask overlap of the objects of two instance images."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.core.errors import InputError


def iou_matrix(prediction: Tensor, truth: Tensor, predicted_count: int, true_count: int) -> Tensor:
    """Mask IoU (predicted_count, true_count) float64 of two instance images (H, W); 0 where a mask is empty.

    Raises:
        InputError: the images differ in size, or hold a value above their count.
    """
    if prediction.shape != truth.shape:
        raise InputError(
            f"expected instance images of one size, got {tuple(prediction.shape)} and {tuple(truth.shape)}"
        )
    for name, instances, count in (("predicted", prediction, predicted_count), ("true", truth, true_count)):
        largest = int(instances.max()) if instances.numel() else 0
        if largest > count:
            raise InputError(f"the {name} instance image holds the value {largest}, but there are {count} objects")
    columns = true_count + 1
    dtype = torch.int32 if (predicted_count + 1) * columns < 2**31 else torch.int64  # half the memory, twice the speed
    pairs = (prediction.flatten().to(dtype) * columns).add_(truth.flatten())
    counts = torch.bincount(pairs, minlength=(predicted_count + 1) * columns).view(-1, columns)
    shared = counts[1:, 1:].to(torch.float64)
    union = counts.sum(1)[1:, None] + counts.sum(0)[None, 1:] - counts[1:, 1:]
    return shared / union.clamp(min=1)
