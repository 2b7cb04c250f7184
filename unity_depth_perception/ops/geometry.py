"""Viewing rays, back-projection of depth images, and undistortion of colour images with cached maps."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.ops.validity import is_valid

_CACHED_MAPS = 4  # of lenses; a zooming camera has a new one for each frame


@lru_cache(maxsize=_CACHED_MAPS)
def pixel_rays(camera: Camera, device: torch.device) -> tuple[Tensor, Tensor]:
    """Viewing rays x (W,), y (H,) float32 at depth 1: pixel (u, v) at depth z is the point (x[u] z, y[v] z, z).

    Computed in float64, so that projecting and back-projecting are inverse to well under 1e-4 px. Cached, as an upload
    makes the host wait for a GPU; not to be modified.
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


def undistort(image: Tensor, lens: Lens, camera: Camera) -> tuple[Tensor, Tensor]:
    """Rectify a raw picture: the picture that the pinhole `camera` would have taken at the same place.

    Args:
        image: (H, W, 3) uint8 RGB of the raw picture.
        lens: lens of the raw picture, same size.
        camera: pinhole intrinsics of the rectified picture; its size is that of the result.

    Returns:
        (h, w, 3) uint8, bilinear, black where the raw picture shows nothing; and (h, w) bool, False there.
    """
    grid, is_seen = _sampling_map(lens, camera, image.device)
    planes = image.permute(2, 0, 1)[None].float()
    sampled = functional.grid_sample(planes, grid[None], mode="bilinear", padding_mode="zeros", align_corners=True)[0]
    # A border pixel mixes with nothing outside: is_seen leaves those out.
    return (sampled * is_seen).round_().to(torch.uint8).permute(1, 2, 0).contiguous(), is_seen


def distorted_pixels(lens: Lens, camera: Camera) -> tuple[Tensor, Tensor]:
    """Pixel x, y (h, w) float64 of the raw picture that each pixel of the rectified picture is seen at.

    OpenCV's model (calib3d: initUndistortRectifyMap), without thin prism and tilt.
    """
    x = ((torch.arange(camera.width, dtype=torch.float64) - camera.cx) / camera.fx)[None, :]
    y = ((torch.arange(camera.height, dtype=torch.float64) - camera.cy) / camera.fy)[:, None]
    k1, k2, p1, p2, k3, k4, k5, k6 = lens.distortion
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    across = 2 * x * y
    u = x * radial + p1 * across + p2 * (r2 + 2 * x * x)
    v = y * radial + p1 * (r2 + 2 * y * y) + p2 * across
    return lens.camera.fx * u + lens.camera.cx, lens.camera.fy * v + lens.camera.cy


@lru_cache(maxsize=_CACHED_MAPS)
def _sampling_map(lens: Lens, camera: Camera, device: torch.device) -> tuple[Tensor, Tensor]:
    """Grid (h, w, 2) float32 for grid_sample, and where it lies inside the raw picture (h, w) bool."""
    u, v = distorted_pixels(lens, camera)
    width, height = lens.camera.width, lens.camera.height
    is_seen = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    grid = torch.stack([2 * u / max(width - 1, 1) - 1, 2 * v / max(height - 1, 1) - 1], dim=-1)
    return grid.to(device, torch.float32), is_seen.to(device)
