"""Packing of depth and colour into the bytes of a PointCloud2."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.ops.geometry import pixel_rays, require_size
from unity_depth_perception.ops.validity import is_valid

POINT_STEP = 16  # bytes of a packed point: x, y, z, rgb


def pack_cloud(
    depth_m: Tensor, image: Tensor, camera: Camera, target_from_optical: NDArray[np.float64] | None = None
) -> Tensor:
    """Pack an organised cloud (H, W, 4) float32 whose bytes are PointCloud2's fields x y z rgb, 16 bytes a point.

    x, y, z are metres in the optical frame or the target's, all NaN where depth is invalid or infinite. rgb holds the
    bits 0x00RRGGBB. As a float that is a denormal number, which arithmetic may flush to zero: it is written through an
    integer view.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        image: (H, W, 3) uint8 RGB on the same device.
        camera: intrinsics of both.
        target_from_optical: (4, 4) rigid transform of the points; None: identity.
    """
    require_size(depth_m, camera, "depth")
    if image.shape != (*depth_m.shape, 3) or image.dtype != torch.uint8:
        raise ImageError(f"expected an image {(*depth_m.shape, 3)} uint8, got {tuple(image.shape)} {image.dtype}")
    x, y = pixel_rays(camera, depth_m.device)
    z = torch.where(is_valid(depth_m), depth_m, math.nan)
    cloud = torch.empty(*depth_m.shape, 4, dtype=torch.float32, device=depth_m.device)
    torch.mul(z, x, out=cloud[..., 0])
    torch.mul(z, y[:, None], out=cloud[..., 1])
    cloud[..., 2] = z
    if target_from_optical is not None:
        matrix = torch.from_numpy(target_from_optical).to(depth_m.device, torch.float32)
        cloud[..., :3] = cloud[..., :3] @ matrix[:3, :3].T + matrix[:3, 3]
    cloud.view(torch.int32)[..., 3] = _packed_rgb(image)
    return cloud


def pack_points(points_m: Tensor, colours: Tensor) -> Tensor:
    """Pack points (N, 3) float32 [m] and colours (N, 3) uint8 RGB as `pack_cloud` does, to (N, 4) float32."""
    cloud = torch.empty(len(points_m), 4, dtype=torch.float32, device=points_m.device)
    cloud[:, :3] = points_m
    cloud.view(torch.int32)[:, 3] = _packed_rgb(colours[None])[0]
    return cloud


def _packed_rgb(image: Tensor) -> Tensor:
    """The bits 0x00RRGGBB, little endian, as int32 (H, W), of an image (H, W, 3) uint8."""
    packed = torch.zeros(*image.shape[:2], 4, dtype=torch.uint8, device=image.device)
    for byte, channel in enumerate((2, 1, 0)):
        packed[..., byte] = image[..., channel]
    return packed.view(torch.int32)[..., 0]
