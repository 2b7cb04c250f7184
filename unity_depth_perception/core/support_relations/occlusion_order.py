"""Occlusion order: which of two objects occludes a part of the other, from their outlines in the image alone.

Boxes are convex, and so are their outlines. A point of one object inside the convex hull of the visible points of
another lies inside that one's outline and so in front of it, however noisy the depth is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unity_depth_perception.core.ragged_arrays import Values, finite_points

_DIRECTIONS = 48  # in which a hull's extent is known: it is taken for at most 0.3 % of its size too large
_ANGLES = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
_NORMALS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def occlusion_order(points: Sequence[Values]) -> Values:
    """(N, N) -1..1: [a, b] is how much object a occludes object b, minus how much b occludes a.

    Occlusion is measured by the fraction of an object's visible points inside the other's convex hull; mask errors
    affect both directions, so the difference cancels them.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
    """
    count = len(points)
    extents = [_extents(finite_points(of)) for of in points]  # (K, DIRECTIONS) each
    hulls = np.stack([of.max(axis=0, initial=-np.inf) for of in extents]) if count else np.zeros((0, _DIRECTIONS))
    fractions = np.zeros((count, count))
    for a, extent in enumerate(extents):
        for b in np.flatnonzero(_overlap(hulls[a], hulls)):
            if a != b:
                fractions[a, b] = (extent <= hulls[b]).all(axis=1).mean()
    return fractions - fractions.T


def _extents(points: Values) -> Values:
    """Extents (K, DIRECTIONS) of points (K, 3) in each direction of the image, at a focal length of 1."""
    return np.asarray((points[:, :2] / points[:, 2:]) @ _NORMALS)


def _overlap(hull: Values, hulls: Values) -> Values:
    """(N,) whether no direction separates a hull from each of the others."""
    opposite = np.roll(hulls, _DIRECTIONS // 2, axis=1)
    return np.asarray((hull + opposite >= 0).all(axis=1))
