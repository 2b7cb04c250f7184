"""Scale-invariant log loss (SILog) of `train-depth`, with half of the weight on the scale."""

from __future__ import annotations

import torch
from torch import Tensor

SCALE_SHARE = 0.5
"""Lambda: 1 ignores an error of scale, 0 is the RMS log error."""
_EPSILON = 1e-8  # under the root, whose gradient at 0 is infinite


def silog(log_depth: Tensor, truth_m: Tensor) -> Tensor:
    """Mean over the images of sqrt(mean(d^2) - lambda mean(d)^2), d = ln prediction - ln truth, lambda = SCALE_SHARE.

    Eigen, Puhrsch & Fergus, "Depth map prediction from a single image", NIPS 2014, eq. 4; lambda 0.5 and the root as in
    the metric training of Depth Anything V2 (metric_depth/util/loss.py). A prediction that is the
    truth times k costs |ln k| sqrt(1 - lambda). Pixels without true depth (NaN, sky's +Inf) and images without any are
    left out.

    Args:
        log_depth: (B, H, W) natural log of the predicted metres, finite.
        truth_m: (B, H, W) true metres; NaN where unknown, +Inf beyond range.

    Returns:
        () loss; 0, with zero gradient, where no pixel has true depth.
    """
    known = known_depth(truth_m)
    error = torch.where(known, log_depth - torch.where(known, truth_m, 1.0).log(), 0.0).flatten(1)
    count = known.flatten(1).sum(dim=1)
    pixels = count.clamp(min=1)
    mean, square = error.sum(dim=1) / pixels, error.square().sum(dim=1) / pixels
    root = (square - SCALE_SHARE * mean.square() + _EPSILON).sqrt()
    has_truth = count > 0
    return torch.where(has_truth, root, 0.0).sum() / has_truth.sum().clamp(min=1)


def known_depth(truth_m: Tensor) -> Tensor:
    """Where the true depth is valid: finite and > 0."""
    return torch.isfinite(truth_m) & (truth_m > 0)


def log_ratios(log_depth: Tensor, truth_m: Tensor) -> list[float]:
    """Median of ln truth - ln prediction of each image (B, H, W) with true depth: the log of its scale error."""
    known = known_depth(truth_m)
    return [
        float((truth[mask].log() - log[mask]).median())
        for log, truth, mask in zip(log_depth, truth_m, known, strict=True)
        if mask.any()
    ]
