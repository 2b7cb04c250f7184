"""Surface of a TSDF as points with normals and colours: naive surface nets, one point per cell.

Gibson, "Constrained Elastic Surface Nets", 1998: each cell (cube of eight voxels) that the surface crosses gets one
point, the mean of the crossings of its edges. The points of the four cells around a crossed edge make a quad, which
gives them their normals.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unity_depth_perception.reconstruction.tsdf import Grid, Voxels, pack

_KEY_BITS = 21


@dataclass(frozen=True)
class Surface:
    """Points of a surface, evenly spaced.

    Attributes:
        points: (N, 3) float32 [m] in the world.
        normals: (N, 3) float32 unit vectors out of the surface.
        colours: (N, 3) uint8 RGB.
        views: (N,) int16 number of views that saw the point.
    """

    points: Tensor
    normals: Tensor
    colours: Tensor
    views: Tensor


@dataclass(frozen=True)
class _Crossings:
    """E edges between neighbouring voxels that the surface crosses.

    Attributes:
        cells: (4, E) int64 keys of the cells around each edge, counter-clockwise as seen from outside.
        points: (E, 3) float32 crossings [voxels].
        outward: (E, 3) float32 the edges' directions out of the surface.
        colours: (E, 3) float32 RGB.
        views: (E,) int16.
    """

    cells: Tensor
    points: Tensor
    outward: Tensor
    colours: Tensor
    views: Tensor


def extract_surface(voxels: Voxels, grid: Grid) -> Surface:
    """Extract the zero level of a TSDF; between neighbours that differ by more than the truncation there is none."""
    keys, order = pack(voxels.index, _KEY_BITS).sort()
    ordered = Voxels(voxels.index[order], voxels.distance[order], voxels.views[order], voxels.colour[order])
    crossings = [_crossings(ordered, keys, axis, grid) for axis in range(3)]
    cells = torch.cat([part.cells for part in crossings], dim=1)
    unique, vertex = torch.unique(cells, return_inverse=True)
    ones = torch.ones(vertex.numel(), device=keys.device)
    counts = torch.zeros(len(unique), device=keys.device).index_add_(0, vertex.flatten(), ones)

    def mean(values: Tensor) -> Tensor:
        total = torch.zeros(len(unique), values.shape[1], device=keys.device)
        return total.index_add_(0, vertex.flatten(), values.repeat(4, 1)) / counts[:, None]

    points = mean(torch.cat([part.points for part in crossings])) * grid.voxel_m
    views = torch.zeros(len(unique), dtype=torch.int16, device=keys.device)
    views.scatter_reduce_(0, vertex.flatten(), torch.cat([part.views for part in crossings]).repeat(4), "amax")
    normals = _normals(points / grid.voxel_m, vertex, torch.cat([part.outward for part in crossings]))
    colours = mean(torch.cat([part.colours for part in crossings])).round().clamp(0, 255).to(torch.uint8)
    kept = normals.norm(dim=1) > 0.5  # two surfaces in one cell may face each other
    return Surface(points[kept], normals[kept], colours[kept], views[kept])


def _crossings(voxels: Voxels, keys: Tensor, axis: int, grid: Grid) -> _Crossings:
    """Crossed edges from each voxel to the next one along an axis; `keys` (N,) are those of the voxels, ascending."""
    steps = [1 << (2 * _KEY_BITS), 1 << _KEY_BITS, 1]
    wanted = keys + steps[axis]
    other = torch.searchsorted(keys, wanted).clamp(max=max(len(keys) - 1, 0))
    first = voxels.distance
    second = first[other]
    is_crossed = (keys[other] == wanted) & ((first > 0) != (second > 0)) & ((first - second).abs() < grid.truncation_m)
    start, end = is_crossed.nonzero().squeeze(1), other[is_crossed]
    share = first[start] / (first[start] - second[start])
    points = voxels.index[start].float()
    points[:, axis] += share
    b, c = steps[(axis + 1) % 3], steps[(axis + 2) % 3]
    around = torch.tensor([0, -b, -b - c, -c], device=keys.device)
    opens_forward = second[start] > 0
    cells = keys[start] + torch.where(opens_forward, around[:, None], around.flip(0)[:, None])
    outward = torch.zeros_like(points)
    outward[:, axis] = torch.where(opens_forward, 1.0, -1.0)
    return _Crossings(
        cells,
        points,
        outward,
        torch.lerp(voxels.colour[start], voxels.colour[end], share[:, None]),
        torch.minimum(voxels.views[start], voxels.views[end]),
    )


def _normals(points: Tensor, quads: Tensor, outward: Tensor) -> Tensor:
    """Unit normals (N, 3) of points (N, 3): means of the normals of their quads (4, E), weighted by area.

    The directions `outward` (E, 3) of the edges decide where quads have no area.
    """
    corners = points[quads]
    normal = torch.linalg.cross(corners[2] - corners[0], corners[3] - corners[1]) + 1e-4 * outward
    total = torch.zeros_like(points).index_add_(0, quads.flatten(), normal.repeat(4, 1))
    return torch.nn.functional.normalize(total, dim=1, eps=1e-30)
