"""Conversion of the raw outputs of Depth Anything 3 to metres and sky.

Formulas: depth_anything_3.utils.alignment and .api (0.1.1).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.errors import InputError, ModelError

SKY_THRESHOLD = 0.3
_FOCAL_UNIT_PX = 300.0
_MIN_PIXELS = 10
_MIN_DEPTH = 1e-3
_MIN_METRES = 1e-2


def metres_from(depth: Tensor, focal_px: float | Tensor) -> Tensor:
    """Metres from the metric network's output; `focal_px` [px] is that of the network's input image."""
    return depth * (focal_px / _FOCAL_UNIT_PX)


def with_sky(depth: Tensor, sky: Tensor) -> Tensor:
    """Depth with +Inf where `sky` reaches SKY_THRESHOLD; the networks' depth is meaningless there."""
    return torch.where(sky >= SKY_THRESHOLD, math.inf, depth)


def metric_scale(depth: Tensor, confidence: Tensor, metres: Tensor, sky: Tensor) -> Tensor:
    """Metres per unit of `depth`, a scalar on the device: least squares over the more confident non-sky pixels.

    Pixels below the median confidence are left out. NaN, which is not an error but unknown depth, if at most ten pixels
    remain, as in an image of sky alone.

    Args:
        depth: (...) float32 of the any-view network, in its own unit.
        confidence: (...) float32 of the any-view network.
        metres: (...) float32 depth [m] of the metric network.
        sky: (...) float32 of the metric network.
    """
    ground = sky < SKY_THRESHOLD
    median = _nanmedian(torch.where(ground, confidence, math.nan))
    used = ground & (confidence >= median) & (metres > _MIN_METRES) & (depth > _MIN_DEPTH)
    zero = depth.new_zeros(())
    scale = torch.where(used, metres * depth, zero).sum() / torch.where(used, depth * depth, zero).sum()
    return torch.where(used.sum() > _MIN_PIXELS, scale, math.nan)


def _nanmedian(values: Tensor) -> Tensor:
    """Median of the values that are not NaN (the mean of the two middle ones if their number is even); else NaN.

    torch.nanquantile does the same, but in older torch for at most 2**24 values, which 67 views exceed
    (https://github.com/pytorch/pytorch/issues/64947).
    """
    ordered = values.flatten().sort().values  # NaN last
    count = (~values.isnan()).sum()
    middle = torch.stack([(count - 1) // 2, count // 2]).clamp(min=0)
    return ordered[middle].mean()


def pose_scale(given_m: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Predicted units per metre from camera positions (N, 3), N >= 2: the scale of Umeyama's similarity (1991).

    Raises:
        InputError: the given positions coincide.
        ModelError: the predicted ones do.
    """
    x, y = given_m - given_m.mean(axis=0), predicted - predicted.mean(axis=0)
    spread = float((x * x).sum())
    if spread < 1e-8:
        raise InputError(f"expected poses at several positions, got {len(x)} at one: they tell no scale")
    u, d, vt = np.linalg.svd(y.T @ x)
    d[2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))
    scale = float(d.sum()) / spread
    if not scale > 1e-8:
        raise ModelError(f"the network places the {len(x)} views at one position: their depth cannot be scaled")
    return scale
