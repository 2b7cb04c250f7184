"""Validity and units of ROS depth images: the only place that converts millimetres or tests for validity.

metres, float32        NaN = invalid, +Inf = sky or beyond range, a finite value > 0 = measured (REP 117, REP 118)
millimetres, uint16    0 = invalid; has no value for +Inf, nor for more than 65.535 m
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.core.errors import InputError

_MM_PER_M = 1000.0
_MAX_MM = 65535


def is_valid(depth_m: Tensor) -> Tensor:
    """Whether each pixel has a depth: bool, same shape. False for NaN, +-Inf, 0 and negative values."""
    return (depth_m > 0) & (depth_m < math.inf)


def invalid_to_nan(depth_m: Tensor) -> Tensor:
    """Replace 0, negative values and -Inf, by which other sources mark invalid depth, by NaN; +Inf stays."""
    return torch.where(depth_m > 0, depth_m, math.nan)


def limit_range(depth_m: Tensor, near_m: float, far_m: float) -> Tensor:
    """Replace depth nearer than `near_m` by NaN and farther than `far_m` by +Inf (REP 117)."""
    near = torch.where(depth_m < near_m, math.nan, depth_m)
    return torch.where(near > far_m, math.inf, near)


def from_millimetres(depth_mm: Tensor) -> Tensor:
    """Metres (float32) from unsigned 16-bit millimetres (..., any integer dtype); 0 becomes NaN.

    Raises:
        InputError: the values are not integers.
    """
    if depth_mm.dtype.is_floating_point:
        raise InputError(
            f"expected depth in integer millimetres (16UC1), got {depth_mm.dtype}; float depth is in metres"
        )
    return invalid_to_nan(depth_mm.to(torch.float32) / _MM_PER_M)


def to_millimetres(depth_m: Tensor) -> Tensor:
    """Rounded millimetres (uint16) from metres; 0 for invalid depth, +Inf and depth beyond 65.535 m.

    A valid depth under half a millimetre becomes 1, so that it does not turn invalid.
    """
    millimetres = (depth_m * _MM_PER_M).round()
    fits = is_valid(depth_m) & ~exceeds_millimetres(depth_m)
    return torch.where(fits, millimetres.clamp(min=1), 0).to(torch.int32).to(torch.uint16)


def exceeds_millimetres(depth_m: Tensor) -> Tensor:
    """Whether each pixel is valid but beyond 65.535 m, where `to_millimetres` gives 0: bool, same shape."""
    return is_valid(depth_m) & ((depth_m * _MM_PER_M).round() > _MAX_MM)
