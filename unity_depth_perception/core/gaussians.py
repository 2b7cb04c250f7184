"""3D Gaussians of a scene, as Gaussian splatting renders them (Kerbl et al., 2023)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians in a world frame, all arrays float32; values after their activations, not logarithms or logits.

    Attributes:
        means_m: (N, 3) centres [m].
        scales_m: (N, 3) standard deviations along the Gaussian's own axes [m], above 0.
        rotations: (N, 4) unit quaternions w, x, y, z from the Gaussian's axes to the world's.
        opacities: (N,) 0..1.
        harmonics: (N, 3, K) spherical harmonics of red, green, blue in world directions, K = (degree + 1)^2; a view
            sees 0.5 + 0.28209479 * harmonics[:, :, 0] of degree 0.
    """

    means_m: Floats
    scales_m: Floats
    rotations: Floats
    opacities: Floats
    harmonics: Floats

    def __post_init__(self) -> None:
        count = len(self.means_m)
        bands = self.harmonics.shape[2] if self.harmonics.ndim == 3 else 0
        shapes = {
            "means_m": (count, 3),
            "scales_m": (count, 3),
            "rotations": (count, 4),
            "opacities": (count,),
            "harmonics": (count, 3, bands),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise InputError(f"Gaussians: expected {name} {shape} float32, got {array.shape} {array.dtype}")
            if not np.isfinite(array).all():
                raise InputError(f"Gaussians: expected finite {name}, got NaN or infinity; leave these Gaussians out")
        if bands == 0 or math.isqrt(bands) ** 2 != bands:
            raise InputError(f"Gaussians: expected (degree + 1)^2 harmonics per colour (1, 4, 9, 16, 25), got {bands}")
        self._require_possible_values()

    def _require_possible_values(self) -> None:
        if not (self.scales_m > 0).all():
            raise InputError(f"Gaussians: expected scales_m above 0, got {self.scales_m.min():g}")
        if not ((self.opacities >= 0) & (self.opacities <= 1)).all():
            raise InputError(
                f"Gaussians: expected opacities of 0 to 1, got {self.opacities.min():g} to {self.opacities.max():g}; "
                "apply the sigmoid to logits first"
            )
        if not np.allclose(np.linalg.norm(self.rotations, axis=1), 1, atol=1e-3):
            raise InputError("Gaussians: expected rotations as quaternions w, x, y, z of length 1; normalise them")

    def __len__(self) -> int:
        return len(self.means_m)

    @property
    def degree(self) -> int:
        """Degree of the spherical harmonics, 0 for one colour from all sides."""
        return math.isqrt(self.harmonics.shape[2]) - 1

    @classmethod
    def concatenate(cls, parts: Sequence[Gaussians]) -> Gaussians:
        """All Gaussians of one or more sets of the same degree, in their order."""
        names = ("means_m", "scales_m", "rotations", "opacities", "harmonics")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def only(self, kept: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Gaussians:
        """The Gaussians of a mask (N,) bool, of indices or of a range."""
        return Gaussians(
            self.means_m[kept], self.scales_m[kept], self.rotations[kept], self.opacities[kept], self.harmonics[kept]
        )
