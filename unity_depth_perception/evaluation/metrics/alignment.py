"""Alignments of predicted to true depth, which tell a wrong scale from a wrong shape.

The ladder is that of MoGe (Wang et al. 2025, arXiv:2410.19115; moge/test/metrics.py): metric depth as it is,
scale-invariant, affine-invariant depth, affine-invariant disparity. MoGe fits the scale and the affine depth by a
weighted L1 norm over 64 x 64 pixels; here they are the median scale of Zhou et al. 2017 (SfMLearner) and the least
squares of Ranftl et al. 2022 (MiDaS), both over all pixels. The affine disparity is MoGe's: least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """Aligned depth: scale p + shift, or with `least_disparity` 1 / max(scale / p + shift, least_disparity).

    Attributes:
        scale, shift: no unit and [m], or of the disparity [1/m].
        least_disparity: 1 / the largest true depth [1/m], below which MoGe clips disparity; None: depth is aligned.
    """

    scale: float = 1.0
    shift: float = 0.0
    least_disparity: float | None = None

    def __call__(self, depth_m: Vector) -> Vector:
        """Align depth (P,) [m]; what is invalid stays so, and depth that becomes <= 0 is invalid from then on."""
        if self.least_disparity is None:
            return self.scale * depth_m + self.shift
        with np.errstate(divide="ignore", invalid="ignore"):
            disparity = np.maximum(self.scale / depth_m + self.shift, self.least_disparity)  # NaN stays NaN
            return np.where((depth_m > 0) & (depth_m < math.inf), 1 / disparity, np.nan)


def fit_alignments(prediction_m: NDArray[np.floating[Any]], truth_m: NDArray[np.floating[Any]]) -> dict[str, Alignment]:
    """Fit `scale`, `scale_shift` and `affine_disparity` to one image, both (H, W) planar depth [m].

    scale: median(t) / median(p). scale_shift: a, b of least sum (a p + b - t)^2. affine_disparity: a, b of least
    sum (a / p + b - 1 / t)^2. All over the pixels whose predicted depth p and true depth t are both finite and > 0;
    without any, nothing is fitted, and the dictionary is empty.
    """
    is_compared = (truth_m > 0) & (truth_m < math.inf) & (prediction_m > 0) & (prediction_m < math.inf)
    if not is_compared.any():
        return {}
    p, t = prediction_m[is_compared], truth_m[is_compared]
    scale = float(np.median(t)) / float(np.median(p))
    p, t = p.astype(np.float64), t.astype(np.float64)
    return {
        "scale": Alignment(scale),
        "scale_shift": Alignment(*_least_squares(p, t)),
        "affine_disparity": Alignment(*_least_squares(1 / p, 1 / t), least_disparity=1 / float(t.max())),
    }


def _least_squares(x: Vector, y: Vector) -> tuple[float, float]:
    """a and b of the least sum (a x + b - y)^2; where x is constant and there are many, the one with b = 0."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    spread = float((centred * centred).sum())
    if spread <= len(x) * (1e-9 * mean_x) ** 2:
        return mean_y / mean_x, 0.0
    slope = float((centred * (y - mean_y)).sum()) / spread
    return slope, mean_y - slope * mean_x
