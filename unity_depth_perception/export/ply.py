"""Coloured point clouds as binary .ply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing

_VERTEX = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]


def write_ply(path: str | Path, points: NDArray[np.float32], colours: NDArray[np.uint8]) -> int:
    """Write points (..., 3) [m] with colours (..., 3) uint8 RGB, binary little endian; returns the number of points.

    Points with a coordinate that is NaN or Inf are left out.

    Raises:
        InputError: the shapes differ, or do not end in 3.
    """
    if points.shape != colours.shape or points.shape[-1:] != (3,) or colours.dtype != np.uint8:
        raise InputError(
            f"expected points and uint8 colours (..., 3), got {points.shape} and {colours.shape} {colours.dtype}"
        )
    points, colours = points.reshape(-1, 3), colours.reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    vertices = np.empty(int(finite.sum()), dtype=_VERTEX)
    for axis, name in enumerate(("x", "y", "z")):
        vertices[name] = points[finite, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours[finite, channel]
    with replacing(Path(path), durable=False) as file:
        PlyData([PlyElement.describe(vertices, "vertex")], byte_order="<").write(file)
    return len(vertices)
