"""Ground-plane estimates with predicted errors (aleatoric uncertainty), and their fusion into one plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

_ERROR_EXPONENT = 6.0  # weight = error^-6. Inverse variance would be -2: errors of poor estimates do not average out
_MEAN_NORMAL = (0.0, 0.8, 0.6)


@dataclass(frozen=True)
class GroundPlaneEstimates:
    """N estimates of ground planes, relative to the camera.

    Attributes:
        normal: (N, 3) unit normal of the plane in the optical frame, pointing down.
        log_height: (N,) natural log of the camera's height above the plane.
        log_sigma: (N,) natural log of the expected error: distance between the normals plus error of `log_height`.
    """

    normal: Tensor
    log_height: Tensor
    log_sigma: Tensor

    @classmethod
    def concatenate(cls, parts: Sequence[GroundPlaneEstimates]) -> GroundPlaneEstimates:
        """Join several sets of estimates, in order."""
        return cls(
            torch.cat([part.normal for part in parts]),
            torch.cat([part.log_height for part in parts]),
            torch.cat([part.log_sigma for part in parts]),
        )

    def select(self, chosen: Tensor) -> GroundPlaneEstimates:
        """Some of the estimates: a mask (N,) bool or indices."""
        return GroundPlaneEstimates(self.normal[chosen], self.log_height[chosen], self.log_sigma[chosen])

    def scaled(self, log_factor: float | Tensor) -> GroundPlaneEstimates:
        """The estimates in another unit of length: every height times exp(log_factor)."""
        return replace(self, log_height=self.log_height + log_factor)

    def fuse(self) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height () of one plane: the mean of the estimates, weighted by their expected errors."""
        weight = functional.softmax(-_ERROR_EXPONENT * self.log_sigma, dim=0)
        normal = functional.normalize((weight[:, None] * self.normal).sum(dim=0), dim=0)
        return normal, (weight * self.log_height).sum()


def decode_normal(raw: Tensor) -> Tensor:
    """Unit normals (N, 3) from network outputs (N, 3); zeros give that of a camera looking 37 degrees down."""
    parts = [part + mean for part, mean in zip(raw.unbind(dim=1), _MEAN_NORMAL, strict=True)]
    return functional.normalize(torch.stack(parts, dim=1), dim=1)


def estimate_errors(estimates: GroundPlaneEstimates, normal: Tensor, log_height: Tensor) -> tuple[Tensor, Tensor]:
    """Errors of N estimates: (N,) distance of each normal from the true one (N, 3), (N,) |error| of the log height."""
    return (estimates.normal - normal).norm(dim=1), (estimates.log_height - log_height).abs()


def laplace_nll(error: Tensor, log_sigma: Tensor) -> Tensor:
    """Mean negative log-likelihood of errors (N,) under Laplace distributions of predicted scale exp(log_sigma) (N,).

    Heteroscedastic (aleatoric) uncertainty of Kendall & Gal, "What Uncertainties Do We Need ...", NeurIPS 2017. The
    error is detached: this loss trains the predicted uncertainty alone, and an estimate of high uncertainty keeps the
    full gradient of its other losses.
    """
    return (error.detach() * (-log_sigma).exp() + log_sigma).mean()
