"""Back-projection of whole depth images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.ops.validity import is_valid


def pixel_rays(camera: Camera, device: torch.device) -> tuple[Tensor, Tensor]:
    """Viewing rays x (W,), y (H,) float32 at depth 1: pixel (u, v) at depth z is the point (x[u] z, y[v] z, z).

    Computed in float64, so that projecting and back-projecting are inverse to well under 1e-4 px.
    """
    u = torch.arange(camera.width, dtype=torch.float64)
    v = torch.arange(camera.height, dtype=torch.float64)
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return x.to(device, torch.float32), y.to(device, torch.float32)


def back_project(depth_m: Tensor, camera: Camera) -> Tensor:
    """Points (H, W, 3) float32 [m] in the optical frame of planar depth (H, W) [m]; NaN depth gives NaN points.

    Raises:
        CameraError: the camera is of another image size.
    """
    require_size(depth_m, camera, "depth")
    x, y = pixel_rays(camera, depth_m.device)
    points = torch.empty(*depth_m.shape, 3, dtype=torch.float32, device=depth_m.device)
    torch.mul(depth_m, x, out=points[..., 0])
    torch.mul(depth_m, y[:, None], out=points[..., 1])
    points[..., 2] = depth_m
    return points


def background_points(depth_m: Tensor, instances: Tensor, camera: Camera, per_side: int = 64) -> Tensor:
    """Background points (M, 3) [m] on a grid of at most per_side^2 pixels; NaN on objects and at invalid depth."""
    require_size(depth_m, camera, "depth")
    require_size(instances, camera, "instance image")
    x, y = pixel_rays(camera, depth_m.device)
    rows, columns = (
        torch.linspace(0, size - 1, min(size, per_side), device=depth_m.device).round().to(torch.int64)
        for size in depth_m.shape
    )
    z = depth_m[rows[:, None], columns]
    z = torch.where(is_valid(z) & (instances[rows[:, None], columns] == 0), z, math.nan)
    return torch.stack([x[columns] * z, y[rows][:, None] * z, z], dim=-1).view(-1, 3)


def require_size(pixels: Tensor, camera: Camera, name: str) -> None:
    """Raise CameraError unless an image (H, W, ...) has the size of its camera."""
    if tuple(pixels.shape[:2]) != (camera.height, camera.width):
        raise CameraError(
            f"expected {name} of the camera's {camera.width} x {camera.height} px, got shape {tuple(pixels.shape)}; "
            "resize the camera with its image (Camera.resized)"
        )
