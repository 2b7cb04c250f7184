"""What the image shows below each object, and the link from an object to its support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError


@dataclass(frozen=True)
class ParentLink:
    """What carries an object: the index of its parent, and how sure that is against all alternatives, 0..1."""

    parent: int
    score: float


@dataclass(frozen=True)
class ContactEdges:
    """What is seen just below each of N objects in the image, as parts of its lower border's length.

    Attributes:
        free: (N,) background that is not nearer, or an object farther away: the object really ends there.
        touching: (N, N) another object's surface, at the same depth: [a, b] = b below a.
        grounded: (N,) background, at the same depth.
        open: (N,) background.
        below: (N, N) another object, at whichever depth: what masks alone tell, where depth is vague.
        hiding: (N, N) another object that is nearer: [a, b] = b hides the lower end of a.
    """

    free: NDArray[np.float64]
    touching: NDArray[np.float64]
    grounded: NDArray[np.float64]
    open: NDArray[np.float64]
    below: NDArray[np.float64]
    hiding: NDArray[np.float64]

    @property
    def overhanging(self) -> NDArray[np.float64]:
        """(N, N) another object that is farther: [a, b] = a hides what is above the seen part of b."""
        return np.maximum(self.below - self.touching - self.hiding, 0.0)

    def __post_init__(self) -> None:
        count = len(self.free)
        for name, shape in (
            ("free", (count,)),
            ("touching", (count,) * 2),
            ("grounded", (count,)),
            ("open", (count,)),
            ("below", (count,) * 2),
            ("hiding", (count,) * 2),
        ):
            if getattr(self, name).shape != shape:
                raise InputError(f"expected borders {name} of shape {shape}, got {getattr(self, name).shape}")

    def among(self, objects: NDArray[np.int64]) -> ContactEdges:
        """Those of some of the objects, among themselves."""
        pairs = np.ix_(objects, objects)
        return ContactEdges(
            self.free[objects],
            self.touching[pairs],
            self.grounded[objects],
            self.open[objects],
            self.below[pairs],
            self.hiding[pairs],
        )
