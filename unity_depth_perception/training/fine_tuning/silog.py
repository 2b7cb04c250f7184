"""The loss of `train-depth` on any back end: the scale-invariant log error that still sees the scale."""

from __future__ import annotations

import torch
from torch import Tensor

SCALE_SHARE = 0.5
"""Lambda: 1 forgives any error of scale, 0 is the plain log error."""
_EPSILON = 1e-8  # under the root, whose slope at 0 is infinite


def silog(log_depth: Tensor, truth_m: Tensor) -> Tensor:
    """Mean over the images of sqrt(mean(d^2) - lambda mean(d)^2), d = ln prediction - ln truth, lambda = SCALE_SHARE.

    Eigen, Puhrsch & Fergus, "Depth map prediction from a single image", NIPS 2014, eq. 4; lambda 0.5 and the root as in
    the metric training of Depth Anything V2 (metric_depth/util/loss.py). A scale that is off by the factor k costs
    |ln k| sqrt(1 - lambda). Pixels without a true depth (NaN, sky's +Inf) count for nothing, nor do images without any.

    Args:
        log_depth: (B, H, W) natural log of the predicted metres, finite.
        truth_m: (B, H, W) true metres; NaN where unknown, +Inf beyond range.

    Returns:
        () the loss; 0, without a gradient, where no image has a true pixel.
    """
    known = known_depth(truth_m)
    error = torch.where(known, log_depth - torch.where(known, truth_m, 1.0).log(), 0.0).flatten(1)
    count = known.flatten(1).sum(dim=1)
    pixels = count.clamp(min=1)
    mean, square = error.sum(dim=1) / pixels, error.square().sum(dim=1) / pixels
    root = (square - SCALE_SHARE * mean.square() + _EPSILON).sqrt()
    shown = count > 0
    return torch.where(shown, root, 0.0).sum() / shown.sum().clamp(min=1)


def known_depth(truth_m: Tensor) -> Tensor:
    """Bool, where the truth says how many metres: finite and > 0."""
    return torch.isfinite(truth_m) & (truth_m > 0)


def log_ratios(log_depth: Tensor, truth_m: Tensor) -> list[float]:
    """Of each image (B, H, W) that has true pixels, the median of ln truth - ln prediction: what its scale lacks."""
    known = known_depth(truth_m)
    return [
        float((truth[mask].log() - log[mask]).median())
        for log, truth, mask in zip(log_depth, truth_m, known, strict=True)
        if mask.any()
    ]
