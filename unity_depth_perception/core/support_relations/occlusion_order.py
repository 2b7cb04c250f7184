"""Which of two objects hides a part of the other: told from their outlines in the image alone.

Boxes are convex, and so are their silhouettes. What is seen inside the convex hull of what is seen of an object lies
inside its silhouette, and so before it: it hides a part of that object. Depth may be as vague as it will.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unity_depth_perception.core.ragged_arrays import Values, finite_points

_DIRECTIONS = 48  # in which a hull's extent is known: it is taken for at most 0.3 % of its size too large
_TURNS = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
_NORMALS = np.stack([np.cos(_TURNS), np.sin(_TURNS)])


def occlusion_order(points: Sequence[Values]) -> Values:
    """(N, N) -1..1 how much object a hides of object b; what b hides of a is subtracted.

    Of each it is the part of what is seen that lies inside the other's convex hull: masks that err do so on both sides.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
    """
    count = len(points)
    extents = [_extents(finite_points(of)) for of in points]  # (K, DIRECTIONS) each
    hulls = np.stack([of.max(axis=0, initial=-np.inf) for of in extents]) if count else np.zeros((0, _DIRECTIONS))
    parts = np.zeros((count, count))
    for a, extent in enumerate(extents):
        for b in np.flatnonzero(_overlap(hulls[a], hulls)):
            if a != b:
                parts[a, b] = (extent <= hulls[b]).all(axis=1).mean()
    return parts - parts.T


def _extents(points: Values) -> Values:
    """How far (K, DIRECTIONS) points (K, 3) lie in each direction of the image, at a focal length of 1."""
    return np.asarray((points[:, :2] / points[:, 2:]) @ _NORMALS)


def _overlap(hull: Values, hulls: Values) -> Values:
    """(N,) whether no direction parts a hull from each of the others."""
    behind = np.roll(hulls, _DIRECTIONS // 2, axis=1)  # how far they reach the other way
    return np.asarray((hull + behind >= 0).all(axis=1))
