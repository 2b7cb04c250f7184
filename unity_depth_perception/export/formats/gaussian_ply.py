"""Gaussians as .ply in the layout of 3D Gaussian splatting (Kerbl et al., 2023), which the usual viewers read.

Properties in this order, all float32: x y z, nx ny nz (zero), f_dc_0..2 (harmonics of degree 0), f_rest_* (those of
higher degree: all of red, then green, then blue), opacity (logit), scale_0..2 (natural logarithm), rot_0..3 (w, x, y,
z).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export.ply import write_vertices
from unity_depth_perception.export.scene import Scene

_EPSILON = np.finfo(np.float32).eps  # the logit of an opacity of exactly 0 or 1 is infinite


def write_gaussian_ply(path: Path, scene: Scene, degree: int | None = None) -> None:
    """Write a scene's Gaussians; `degree` limits that of the harmonics (0: one colour from all sides, a small file).

    Raises:
        InputError: the scene has no Gaussians.
    """
    if scene.gaussians is None:
        raise InputError("expected a scene with Gaussians, got none: they come from Depth Anything 3 giant and nested")
    comments = [f"{key} {value}" for key, value in scene.frame_description().items()]
    write_vertices(path, _columns(scene.gaussians, degree), comments)


def read_gaussian_ply(path: Path) -> Gaussians:
    """Read a .ply of `write_gaussian_ply`, or another one of this layout.

    Raises:
        InputError: the file cannot be read, or lacks a property.
    """
    try:
        vertices = PlyData.read(str(path))["vertex"]
        rest = sum(name.startswith("f_rest_") for name in vertices.data.dtype.names)

        def columns(name: str, count: int) -> NDArray[np.float32]:
            return np.column_stack([vertices[f"{name}{k}"] for k in range(count)]).astype(np.float32)

        position = np.stack([vertices[axis] for axis in "xyz"], axis=1).astype(np.float32)
        low = columns("f_dc_", 3)[:, :, None]
        high = columns("f_rest_", rest).reshape(len(low), 3, -1) if rest else low[:, :, :0]
        turns = columns("rot_", 4)
        return Gaussians(
            position,
            np.exp(columns("scale_", 3)),
            turns / np.linalg.norm(turns, axis=1, keepdims=True),
            (1 / (1 + np.exp(-vertices["opacity"].astype(np.float32)))).astype(np.float32),
            np.concatenate([low, high], axis=2),
        )
    except (OSError, PlyParseError, KeyError, ValueError, IndexError) as error:
        raise InputError(f"{path}: expected Gaussians as .ply with f_dc_0, scale_0, rot_0, opacity: {error}") from None


def _columns(gaussians: Gaussians, degree: int | None) -> dict[str, NDArray[np.generic]]:
    bands = gaussians.harmonics.shape[2] if degree is None else min((degree + 1) ** 2, gaussians.harmonics.shape[2])
    opacity = np.clip(gaussians.opacities, _EPSILON, 1 - _EPSILON)
    groups = [
        ("f_dc_", gaussians.harmonics[:, :, 0]),
        ("f_rest_", gaussians.harmonics[:, :, 1:bands].reshape(len(gaussians), -1)),
        ("opacity", np.log(opacity / (1 - opacity))),
        ("scale_", np.log(gaussians.scales_m)),
        ("rot_", gaussians.rotations),
    ]
    columns: dict[str, NDArray[np.generic]] = dict(zip("xyz", gaussians.means_m.T, strict=True))
    columns |= {name: np.zeros(len(gaussians), np.float32) for name in ("nx", "ny", "nz")}
    for name, values in groups:
        if values.ndim == 1:
            columns[name] = values
        else:
            columns |= {f"{name}{k}": column for k, column in enumerate(values.T)}
    return columns
