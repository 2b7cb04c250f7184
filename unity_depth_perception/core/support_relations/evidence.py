"""What the image shows at the lower edges of objects, and the link from an object to its supporter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError


@dataclass(frozen=True)
class ParentLink:
    """The supporter of an object: its index, and the probability 0..1 of this hypothesis among all for the object."""

    parent: int
    score: float


@dataclass(frozen=True)
class ContactEdges:
    """What the image shows just below each of N objects, as fractions 0..1 of the length of its lower edge.

    Attributes:
        visible: (N,) background that is not nearer, or an object that is farther: the object's lower end is visible.
        touching: (N, N) surface of another object at the same depth: [a, b] = b below a.
        touching_background: (N,) background at the same depth.
        background: (N,) background at any depth.
        below: (N, N) another object at any depth, [a, b] = b below a; from masks alone, so depth noise does not matter.

    Raises:
        InputError: the arrays are not of the same N objects.
    """

    visible: NDArray[np.float64]
    touching: NDArray[np.float64]
    touching_background: NDArray[np.float64]
    background: NDArray[np.float64]
    below: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.visible)
        for name, array in vars(self).items():
            shape = (count, count) if name in ("touching", "below") else (count,)
            if array.shape != shape:
                raise InputError(f"expected contact edges {name} of shape {shape}, got {array.shape}")

    def only(self, kept: NDArray[np.int64]) -> ContactEdges:
        """The contact edges among the objects `kept` (K,)."""
        pairs = np.ix_(kept, kept)
        return ContactEdges(
            self.visible[kept],
            self.touching[pairs],
            self.touching_background[kept],
            self.background[kept],
            self.below[pairs],
        )
