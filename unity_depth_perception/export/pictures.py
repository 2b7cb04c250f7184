"""Depth and its errors as pictures with a legend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.colour_scale import ColourScale
from unity_depth_perception.export.text import Picture

_ERROR_LIMIT_PERCENT = 30.0  # relative error at the ends of the error colours
_NEAREST_M = 1e-3  # a logarithmic colour scale cannot start at 0

Depth = NDArray[np.float32]


def depth_picture(
    depth_m: Depth, *, near_m: float | None = None, far_m: float | None = None, label_px: int | None = None
) -> Picture:
    """Draw depth in colours (near bright, far dark, invalid grey, sky pale blue) with a logarithmic legend in metres.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        near_m: depth of the first colour; the image's 1st percentile if None.
        far_m: depth of the last colour; the image's 99th percentile if None.
        label_px: height of the bar's labels [px]; follows the picture's size if None.

    Returns:
        (H, W', 3) uint8 RGB, W' > W.

    Raises:
        InputError: depth is not (H, W), or not 0 < near_m < far_m.
    """
    _check_depth(depth_m)
    near, far = depth_range(depth_m)
    near = near if near_m is None else near_m
    far = max(far, near * 1.01) if far_m is None else far_m
    if near_m is None:  # far_m alone was given, and may lie before everything in the image
        near = min(near, far / 1.01)
    scale = ColourScale.of_depth(near, far)
    return scale.with_bar(scale.paint(depth_m), label_px)


def error_picture(depth_m: Depth, true_depth_m: Depth, *, label_px: int | None = None) -> Picture:
    """Draw the signed relative error (depth - truth) / truth: red too far, blue too near, grey unknown.

    Raises:
        InputError: the two are not (H, W) of one size.
    """
    _check_depth(depth_m)
    if depth_m.shape != true_depth_m.shape:
        raise InputError(f"expected two depth images of one size, got {depth_m.shape} and {true_depth_m.shape}")
    known = np.isfinite(depth_m) & np.isfinite(true_depth_m) & (true_depth_m > 0)
    percent = np.full(depth_m.shape, np.nan, dtype=np.float32)
    percent[known] = 100 * (depth_m[known] / true_depth_m[known] - 1)
    scale = ColourScale.of_error(_ERROR_LIMIT_PERCENT)
    return scale.with_bar(scale.paint(percent), label_px)


def depth_range(depth_m: Depth) -> tuple[float, float]:
    """(near, far) [m]: 1st and 99th percentile of the finite values above 0; (0.1, 10) if there are none."""
    values = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if values.size == 0:
        return 0.1, 10.0
    near, far = (float(v) for v in np.percentile(values, (1, 99)))
    near = max(near, _NEAREST_M)
    return near, max(far, near * 1.01)


def _check_depth(depth_m: Depth) -> None:
    if depth_m.ndim != 2 or depth_m.size == 0:
        raise InputError(f"expected a depth image (H, W), got shape {depth_m.shape}")
