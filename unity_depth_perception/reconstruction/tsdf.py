"""Sparse truncated signed distance field (TSDF): depth of posed views averaged in the voxels near surfaces.

Curless & Levoy, "A Volumetric Method for Building Complex Models from Range Images", SIGGRAPH 1996. Voxels are stored
in blocks of 8 x 8 x 8, allocated where depth puts a surface (Niessner et al. 2013). Positive distance is in front of
the surface, as seen from the camera.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ops.validity import is_valid
from unity_depth_perception.reconstruction.view import DepthView

BLOCK = 8  # voxels per side of a block
BLOCK_VOXELS = BLOCK**3
_KEY_BITS = 20  # of a block's coordinate, sign included
_CHUNK = 1 << 13  # blocks at a time: bounds memory


@dataclass(frozen=True)
class Grid:
    """Voxel size and truncation distance [m, or the unit of the depth].

    Attributes:
        voxel_m: edge of a voxel.
        truncation_m: distance from a surface beyond which voxels are not updated behind it, at least two voxels.
    """

    voxel_m: float
    truncation_m: float

    def __post_init__(self) -> None:
        if not 0 < self.voxel_m < math.inf:
            raise ConfigurationError(f"expected a voxel size > 0, got {self.voxel_m}")
        if not 2 * self.voxel_m <= self.truncation_m <= BLOCK * self.voxel_m:
            raise ConfigurationError(
                f"expected a truncation distance of 2 to {BLOCK} voxels of {self.voxel_m:g}, got {self.truncation_m:g}"
            )


@dataclass(frozen=True)
class Voxels:
    """N voxels that were observed.

    Attributes:
        index: (N, 3) int64 integer coordinates; the voxel's centre is at index * voxel_m.
        distance: (N,) float32 signed distance [m] to the surface.
        views: (N,) int16 number of views that saw a surface within the truncation distance.
        colour: (N, 3) float32 RGB 0..255.
    """

    index: Tensor
    distance: Tensor
    views: Tensor
    colour: Tensor


class TsdfVolume:
    """TSDF of a fixed set of blocks, into which views are integrated one by one."""

    def __init__(self, grid: Grid, block_keys: Tensor) -> None:
        """Make an empty volume with the blocks of `block_keys` (B,) int64, as of `surface_blocks`."""
        count, device = len(block_keys) * BLOCK_VOXELS, block_keys.device
        self.grid = grid
        self._blocks = _unpack(block_keys)
        steps = torch.arange(BLOCK, device=device)
        self._offsets = torch.cartesian_prod(steps, steps, steps)
        self._distance = torch.zeros(count, device=device)
        self._weight = torch.zeros(count, device=device)
        self._views = torch.zeros(count, dtype=torch.int16, device=device)
        self._colour = torch.zeros(count, 3, device=device)
        self._colour_weight = torch.zeros(count, device=device)

    def integrate(self, view: DepthView) -> None:
        """Average one view into the voxels that it sees, weighted by confidence over squared depth.

        Inverse depth is interpolated bilinearly, which is exact on planes; next to invalid pixels there is none.
        """
        inverse = torch.where(is_valid(view.depth_m), 1 / view.depth_m, math.nan)
        pose = inverse.new_tensor(view.world_from_camera)
        corner = (self._blocks * (BLOCK * self.grid.voxel_m) - pose[:3, 3]) @ pose[:3, :3]
        offset = (self._offsets * self.grid.voxel_m) @ pose[:3, :3]
        for blocks in torch.split(self._visible_blocks(view, corner, offset), _CHUNK):
            x, y, z = ((corner[blocks, axis, None] + offset[:, axis]).flatten() for axis in range(3))
            u, v = view.camera.fx * x / z + view.camera.cx, view.camera.fy * y / z + view.camera.cy
            depth = 1 / _interpolated(inverse, u, v)
            used = ((z > 0) & (depth - z > -self.grid.truncation_m)).nonzero().squeeze(1)  # not where depth is NaN
            slot = blocks[used // BLOCK_VOXELS] * BLOCK_VOXELS + used % BLOCK_VOXELS
            depth, column, row = depth[used], u[used].round().to(torch.int64), v[used].round().to(torch.int64)
            weight = depth.square().reciprocal()
            if view.confidence is not None:
                weight *= view.confidence[row, column]
            distance = (depth - z[used]).clamp(max=self.grid.truncation_m)
            self._distance[slot] += distance * weight
            self._weight[slot] += weight
            near = (distance < self.grid.truncation_m).nonzero().squeeze(1)
            self._add_colour(slot[near], weight[near], view.image[row[near], column[near]].float())

    def _add_colour(self, slot: Tensor, weight: Tensor, colour: Tensor) -> None:
        self._views[slot] += 1
        self._colour[slot] += colour * weight[:, None]
        self._colour_weight[slot] += weight

    def _visible_blocks(self, view: DepthView, corner: Tensor, offset: Tensor) -> Tensor:
        """Indices (K,) of the blocks, by their first voxels (B, 3) in the optical frame, that may be in the view."""
        center = corner + offset.mean(dim=0)
        radius = float((offset - offset.mean(dim=0)).norm(dim=1).max()) + self.grid.voxel_m
        z = center[:, 2].clamp(min=1e-6)
        camera, is_ahead = view.camera, center[:, 2] > radius  # a block around the camera has no projection
        margin_x, margin_y = camera.fx * radius / z * 1.5, camera.fy * radius / z * 1.5
        u, v = camera.fx * center[:, 0] / z + camera.cx, camera.fy * center[:, 1] / z + camera.cy
        across = (u > -margin_x) & (u < camera.width + margin_x)
        down = (v > -margin_y) & (v < camera.height + margin_y)
        return (is_ahead & across & down).nonzero().squeeze(1)

    def observed(self, min_views: int = 1) -> Voxels:
        """The voxels that at least `min_views` views saw within the truncation distance of a surface."""
        kept = (self._views >= min_views).nonzero().squeeze(1)
        block = torch.div(kept, BLOCK_VOXELS, rounding_mode="floor")
        index = self._blocks[block] * BLOCK + self._offsets[kept % BLOCK_VOXELS]
        distance = self._distance[kept] / self._weight[kept]
        colour = self._colour[kept] / self._colour_weight[kept, None]
        return Voxels(index, distance, self._views[kept], colour)


def surface_blocks(views: Sequence[DepthView], grid: Grid, max_blocks: int) -> Tensor | None:
    """Keys (B,) int64, ascending, of the blocks within the truncation distance of a point of any view.

    None where more than `max_blocks` are needed.
    """
    keys = torch.empty(0, dtype=torch.int64, device=views[0].depth_m.device)
    for view in views:
        keys = torch.unique(torch.cat([keys, *(_keys_of(points, grid) for points in _band(view, grid))]))
        if len(keys) > max_blocks:
            return None
    return keys


def _band(view: DepthView, grid: Grid) -> Iterator[Tensor]:
    """World points (P, 3) of the valid pixels, shifted along their rays to both ends of the truncation band."""
    depth = view.depth_m[is_valid(view.depth_m)]
    stride = 1
    if depth.numel():  # several pixels per block suffice
        footprint = float(depth.median()) / view.camera.focal_px
        stride = max(1, min(8, int(grid.voxel_m * BLOCK / 4 / footprint)))
    for shift in (-grid.truncation_m, 0.0, grid.truncation_m):
        shifted = DepthView(view.image, view.depth_m + shift, view.camera, view.world_from_camera)
        points = shifted.points(stride).reshape(-1, 3)
        kept = is_valid(view.depth_m)[::stride, ::stride].reshape(-1)
        yield points[kept]


def _keys_of(points: Tensor, grid: Grid) -> Tensor:
    blocks = torch.div(points / grid.voxel_m + 0.5, BLOCK, rounding_mode="floor").to(torch.int64)
    keys: Tensor = torch.unique(pack(blocks, _KEY_BITS))
    return keys


def pack(index: Tensor, bits: int) -> Tensor:
    """One int64 key (N,) per integer coordinates (N, 3), each in [-2**(bits - 1), 2**(bits - 1)), in their order."""
    half = 1 << (bits - 1)
    x, y, z = (index + half).unbind(-1)
    return (x << (2 * bits)) | (y << bits) | z


def _unpack(keys: Tensor) -> Tensor:
    """Coordinates (N, 3) int64 of block keys."""
    half, mask = 1 << (_KEY_BITS - 1), (1 << _KEY_BITS) - 1
    return torch.stack([keys >> (2 * _KEY_BITS), (keys >> _KEY_BITS) & mask, keys & mask], dim=-1) - half


def _interpolated(plane: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Values (P,) of a plane (H, W) at pixel coordinates (P,), bilinear; NaN outside of the image."""
    height, width = plane.shape
    grid = torch.stack([2 * u / max(width - 1, 1) - 1, 2 * v / max(height - 1, 1) - 1], dim=-1)
    values = functional.grid_sample(plane[None, None], grid[None, None], align_corners=True)[0, 0, 0]
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    return torch.where(inside, values, math.nan)
