"""What makes metres of the numbers of Depth Anything 3. Formulas: depth_anything_3.utils.alignment and .api (0.1.1)."""

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
    """Metric network's output to metres; `focal_px` [px] belongs to the image as the network saw it."""
    return depth * (focal_px / _FOCAL_UNIT_PX)


def with_sky(depth: Tensor, sky: Tensor) -> Tensor:
    """Depth with +Inf where `sky` says so; the networks were not trained to mean anything there."""
    return torch.where(sky >= SKY_THRESHOLD, math.inf, depth)


def metric_scale(depth: Tensor, confidence: Tensor, metres: Tensor, sky: Tensor) -> Tensor:
    """Metres per unit of `depth`: least squares over the surer half of what is not sky. A scalar on the device.

    NaN where at most ten pixels remain, as in an image of nothing but sky: such depth is unknown, which is no error.
    All arguments (...), float32, of one shape.
    """
    ground = sky < SKY_THRESHOLD
    median = _nanmedian(torch.where(ground, confidence, math.nan))
    used = ground & (confidence >= median) & (metres > _MIN_METRES) & (depth > _MIN_DEPTH)
    zero = depth.new_zeros(())
    scale = torch.where(used, metres * depth, zero).sum() / torch.where(used, depth * depth, zero).sum()
    return torch.where(used.sum() > _MIN_PIXELS, scale, math.nan)


def _nanmedian(values: Tensor) -> Tensor:
    """The median of what is not NaN, the mean of the two middle values where it is even; NaN without any.

    torch.nanquantile does the same, but in older torch for at most 2**24 values, which 67 views exceed
    (https://github.com/pytorch/pytorch/issues/64947).
    """
    ordered = values.flatten().sort().values  # NaN last
    count = (~values.isnan()).sum()
    middle = torch.stack([(count - 1) // 2, count // 2]).clamp(min=0)
    return ordered[middle].mean()


def pose_scale(given_m: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Predicted units per metre, from camera positions (N, 3): the scale of Umeyama's similarity (1991), N >= 2.

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
