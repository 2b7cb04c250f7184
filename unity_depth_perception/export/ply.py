"""Coloured point clouds as binary .ply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing

_POSITION, _NORMAL, _COLOUR = ("x", "y", "z"), ("nx", "ny", "nz"), ("red", "green", "blue")
OPTICAL_COMMENTS = ("unit m", "axes optical frame of the camera: x right, y down, z forward")
"""Comments of a cloud of one camera."""


def write_ply(
    path: str | Path,
    points: NDArray[np.float32],
    colours: NDArray[np.uint8],
    *,
    normals: NDArray[np.float32] | None = None,
    confidence: NDArray[np.float32] | None = None,
    comments: Sequence[str] = (),
) -> int:
    """Write points (..., 3) [m] with colours (..., 3) uint8 RGB, binary little endian; returns the number of points.

    Points with a coordinate that is NaN or Inf are left out.

    Args:
        normals: (..., 3), as properties nx, ny, nz.
        confidence: (...), as property confidence.
        comments: lines of ASCII in the header, such as unit and axes.

    Raises:
        InputError: the shapes differ, or do not end in 3.
    """
    if points.shape != colours.shape or points.shape[-1:] != (3,) or colours.dtype != np.uint8:
        raise InputError(
            f"expected points and uint8 colours (..., 3), got {points.shape} and {colours.shape} {colours.dtype}"
        )
    finite = np.isfinite(points).all(axis=-1)
    columns = dict(zip(_POSITION, points[finite].T, strict=True))
    if normals is not None:
        columns |= zip(_NORMAL, normals[finite].T, strict=True)
    columns |= zip(_COLOUR, colours[finite].T, strict=True)
    if confidence is not None:
        columns["confidence"] = confidence[finite]
    write_vertices(Path(path), columns, comments)
    return int(finite.sum())


def write_vertices(path: Path, columns: dict[str, NDArray[np.generic]], comments: Sequence[str]) -> None:
    """Write vertices from columns (N,) float32 or uint8, in their order, whole or not at all."""
    kinds = [(name, "u1" if column.dtype == np.uint8 else "<f4") for name, column in columns.items()]
    vertices = np.empty(len(next(iter(columns.values()))), dtype=kinds)
    for name, column in columns.items():
        vertices[name] = column
    with replacing(path, durable=False) as file:
        PlyData([PlyElement.describe(vertices, "vertex")], byte_order="<", comments=list(comments)).write(file)
