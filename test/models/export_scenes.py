"""Scenes for exports: three cameras before a wall with a block, seen exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export.scene import Scene, SceneObject, SceneView

CAMERA = Camera(48, 36, 50.0, 52.0, 23.0, 17.25)
_OPTICAL_AXES = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # of a camera that looks along the world's x


def view(index: int, **values: Any) -> SceneView:
    """A view of the wall x = 2 m, of the block before it (x = 1.5 m, 0.4 m wide) and of sky in the upper two rows."""
    turn = 0.1 * (index - 1)
    pose = np.eye(4)
    yaw = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    pose[:3, :3] = yaw @ _OPTICAL_AXES
    pose[:3, 3] = [0.05 * index, -0.2 * (index - 1), 0.3]
    columns, rows = np.meshgrid(np.arange(48), np.arange(36))
    rays = CAMERA.unproject(np.stack([columns, rows], axis=-1), np.ones((36, 48))) @ pose[:3, :3].T
    depths = [(x - pose[0, 3]) / rays[..., 0] for x in (1.5, 2.0)]
    hit = pose[:3, 3] + rays * depths[0][..., None]
    depth_m = np.where(np.abs(hit[..., 1:] - [0, 0.3]).max(axis=-1) < 0.2, *depths).astype(np.float32)
    depth_m[:2] = np.inf
    depth_m[-1, :5] = np.nan
    image = np.stack([4 * columns, 5 * rows, np.full_like(rows, 60 * index)], axis=-1).astype(np.uint8)
    known = {"depth_m": depth_m, "image": image, "confidence": np.where(np.isfinite(depth_m), 2, 1).astype(np.float32)}
    return SceneView(**{"name": f"{index:05d}.png", "camera": CAMERA, "world_from_camera": pose} | known | values)


def gaussians(count: int = 20, degree: int = 2) -> Gaussians:
    """Random ones."""
    rng = np.random.default_rng(0)
    turns = rng.normal(size=(count, 4))
    return Gaussians(
        rng.normal(size=(count, 3)).astype(np.float32),
        rng.uniform(0.001, 0.1, (count, 3)).astype(np.float32),
        (turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        rng.uniform(0.01, 0.99, count).astype(np.float32),
        rng.normal(size=(count, 3, (degree + 1) ** 2)).astype(np.float32),
    )


def scene(**values: Any) -> Scene:
    """Three views in a world with z up, without fused points; a box, Gaussians."""
    pose = np.eye(4)
    pose[:3, 3] = [1.7, 0, 0.3]
    return Scene(
        **{
            "points_m": np.zeros((0, 3), np.float32),
            "colours": np.zeros((0, 3), np.uint8),
            "views": tuple(view(k) for k in range(3)),
            "world": "z_up",
            "scale_source": "poses",
            "is_metric": True,
            "objects": (SceneObject("red_cube", pose, (0.4, 0.4, 0.4), None, 0.9),),
            "gaussians": gaussians(),
        }
        | values
    )


def true_distance_m(points: np.ndarray) -> np.ndarray:
    """Distance (N,) [m] of points from the wall or the block's face, whichever is nearer."""
    return np.minimum(np.abs(points[:, 0] - 1.5), np.abs(points[:, 0] - 2.0))
