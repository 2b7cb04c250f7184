"""What several sources say of one floor: how it lies, how far below the camera it is, and how sure each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

_SHARPNESS = 6.0  # of the weights: the surest readings decide, as the errors of the doubtful ones do not average out
_ASTRAY = 0.35  # how far off at least a reading counts that is of what it should not be of, however sure of itself


@dataclass(frozen=True)
class GroundPlaneEstimates:
    """N readings of floors.

    Attributes:
        normal: (N, 3) unit normal of the floor in the optical frame, pointing down.
        log_height: (N,) log of the camera's height above the floor.
        log_sigma: (N,) log of how far off normal and log height together are expected to be.
    """

    normal: Tensor
    log_height: Tensor
    log_sigma: Tensor

    @classmethod
    def concatenate(cls, readings: Sequence[GroundPlaneEstimates]) -> GroundPlaneEstimates:
        """All of them, one after the other."""
        return cls(
            torch.cat([of.normal for of in readings]),
            torch.cat([of.log_height for of in readings]),
            torch.cat([of.log_sigma for of in readings]),
        )

    def select(self, chosen: Tensor) -> GroundPlaneEstimates:
        """Those of a mask (N,) bool."""
        return GroundPlaneEstimates(self.normal[chosen], self.log_height[chosen], self.log_sigma[chosen])

    def scaled(self, log_factor: float | Tensor) -> GroundPlaneEstimates:
        """In another unit of length: all heights times the factor."""
        return replace(self, log_height=self.log_height + log_factor)

    def unflip(self, mirrored: Tensor) -> GroundPlaneEstimates:
        """As the camera sees it, those of a mask (N,) bool having been read in the flip_direction image."""
        return replace(self, normal=torch.where(mirrored[:, None], flip_direction(self.normal), self.normal))

    def fuse(self, probabilities: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height (), the mean weighted by the error that is to be expected of each.

        Args:
            probabilities: (N,) probability that each reading is of what it should be of.
        """
        known = torch.as_tensor(probabilities, device=self.log_sigma.device)
        error = self.log_sigma.exp()
        expected = known * error + (1 - known) * error.clamp(min=_ASTRAY)
        weight = functional.softmax(-_SHARPNESS * expected.log(), dim=0)
        normal = functional.normalize((weight[:, None] * self.normal).sum(dim=0), dim=0)
        return normal, (weight * self.log_height).sum()


def flip_direction(normal: Tensor) -> Tensor:
    """Normals (..., 3) as the flip_direction image shows them."""
    return normal * normal.new_tensor([-1.0, 1.0, 1.0])


def estimate_errors(readings: GroundPlaneEstimates, normal: Tensor, log_height: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) distance of each normal from the truth (N, 3), and (N,) absolute error of each log height."""
    return (readings.normal - normal).norm(dim=1), (readings.log_height - log_height).abs()


def laplace_nll(error: Tensor, log_sigma: Tensor) -> Tensor:
    """The likelihood of errors (N,) under Laplace distributions that N readings expect, negative and logarithmic.

    That of Kendall & Gal, "What Uncertainties Do We Need ...", NeurIPS 2017; the error is held fixed, so that a reading
    learns how sure it is without ceasing to learn where it is unsure.
    """
    return (error.detach() * (-log_sigma).exp() + log_sigma).mean()
