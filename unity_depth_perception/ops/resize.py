"""Resizing of depth and other maps. Corners map to corners (align_corners=False), as in Camera.resized."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Neighbours that differ by more than this part of their depth lie on two sides of an edge: a surface seen at a slant of
# 80 degrees through a 60 degree camera changes by less from pixel to pixel, at any size of 120 px or more.
_EDGE_RATIO = 0.05


def resize_depth(depth_m: Tensor, width: int, height: int) -> Tensor:
    """Resize depth (H, W) float32 to (height, width) without mixing depths across edges.

    Bilinear where the four neighbours lie on one surface; the nearest pixel where they straddle an edge or one of them
    is NaN or Inf. So it never rings, never blends an object with its background, and keeps holes and sky.
    """
    if depth_m.shape == (height, width):
        return depth_m
    planes = depth_m[None, None]
    blended = functional.interpolate(planes, (height, width), mode="bilinear", align_corners=False)[0, 0]
    nearest = functional.interpolate(planes, (height, width), mode="nearest-exact")[0, 0]
    smooth = _on_one_surface(depth_m)
    rows = _first_neighbour(depth_m.shape[0], height, depth_m.device)
    columns = _first_neighbour(depth_m.shape[1], width, depth_m.device)
    return torch.where(smooth.index_select(1, columns).index_select(0, rows), blended, nearest)


def resize_map(values: Tensor, width: int, height: int) -> Tensor:
    """Resize a map (H, W) float other than depth, such as confidence, to (height, width): bilinear."""
    return functional.interpolate(values[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]


def _on_one_surface(depth_m: Tensor) -> Tensor:
    """(H, W) bool: whether each pixel and its neighbours right and below lie on one surface; False with NaN or Inf."""
    padded = functional.pad(depth_m[None, None], (0, 1, 0, 1), mode="replicate")[0, 0]
    far, near = torch.maximum(padded[1:], padded[:-1]), torch.minimum(padded[1:], padded[:-1])
    far, near = torch.maximum(far[:, 1:], far[:, :-1]), torch.minimum(near[:, 1:], near[:, :-1])
    return far - near <= _EDGE_RATIO * near


def _first_neighbour(source: int, target: int, device: torch.device) -> Tensor:
    """Index (target,) of the source pixel left of or above the centre of each target pixel."""
    position = (torch.arange(target, device=device, dtype=torch.float32) + 0.5) * (source / target) - 0.5
    return position.clamp_(0, source - 1).to(torch.int64)
