"""Scale of each view's depth from known poses: surfaces that several views see must coincide.

The error of a monocular network is mostly one factor per image. Given poses make it observable: a surface that is
back-projected from two places is one surface at the right factors alone. The factors minimise the distances of the
views' points from the tangent planes of the other views' surfaces (point to plane; Chen & Medioni 1992) by
Gauss-Newton, robust after Huber (1964), with a prior at the network's own scale.

The mean of the factors is kept at 1. Parallax would tell it too, but errors of depth that grow with distance, as
networks make them, bias it: by 5 % on a tour of compact depth, whose own mean is right within 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.reconstruction.depth_filter import reject_edges
from unity_depth_perception.reconstruction.view import DepthView

_MAP_PX = 160  # longest side at which surfaces are compared
_SAMPLES = 300  # pixels of a view that are compared with other views
_NEIGHBOURS = 16  # views that each view is compared with
_LEAST_OVERLAP = 0.1  # share of a view's samples that another view must see
_ITERATIONS = 10
_SIGMA = 0.02  # expected residual, relative to depth
_INDEPENDENT = 4.0  # samples of a pair of views whose residuals count as independent
_GATE = 0.2  # residual beyond which two points are of different surfaces
_PRIOR_SIGMA = 0.1  # of the log scale of one view
_MEAN_SIGMA = 1e-4  # of the mean of all
_MIN_FACING = 0.15  # least cosine between a ray and a surface normal
_CONVERGED = 1e-4


@dataclass(frozen=True)
class _Surfaces:
    """Surfaces of N views at scale 1, in world axes relative to the views' eyes; maps of all views end to end.

    Attributes:
        eye: (N, 3) positions of the cameras.
        rotation: (N, 3, 3) world_from_camera.
        intrinsics: (N, 4) fx, fy, cx, cy at the maps' size.
        size: (N, 2) width and height of the maps; start: (N,) of the first pixel.
        normal: (M, 3) unit normals towards the camera, NaN where unknown.
        height: (M,) distance of the tangent plane from the eye.
        samples: (N, K, 3) points; NaN beyond a view's number of them.
    """

    eye: Tensor
    rotation: Tensor
    intrinsics: Tensor
    size: Tensor
    start: Tensor
    normal: Tensor
    height: Tensor
    samples: Tensor


def align_scales(views: Sequence[DepthView]) -> NDArray[np.float64]:
    """Factors (N,), of mean 1, of the views' depths that make their surfaces coincide; 1 where nothing overlaps."""
    surfaces = _surfaces(views)
    pairs = _overlapping_pairs(surfaces)
    log_scale = torch.zeros(len(views), dtype=torch.float64)
    if not len(pairs):
        return np.ones(len(views))
    for _ in range(_ITERATIONS):
        step = _gauss_newton_step(surfaces, pairs, log_scale)
        log_scale = log_scale - step
        if float(step.abs().max()) < _CONVERGED:
            break
    return np.asarray(log_scale.exp().numpy())


def _gauss_newton_step(surfaces: _Surfaces, pairs: Tensor, log_scale: Tensor) -> Tensor:
    """Step (N,) to subtract from the log scales."""
    residual, by_first, by_second = (values.double().cpu() for values in _residuals(surfaces, pairs, log_scale))
    known = residual.abs() < _GATE  # False for NaN
    residual, by_first, by_second = (torch.where(known, v, 0.0) for v in (residual, by_first, by_second))
    count = known.sum(dim=1, keepdim=True).clamp(min=1)
    weight = known * (_SIGMA / residual.abs().clamp(min=_SIGMA)) * _INDEPENDENT / count / _SIGMA**2
    first, second = pairs.cpu().unbind(1)
    size = len(log_scale)
    information = torch.eye(size, dtype=torch.float64) / _PRIOR_SIGMA**2 + 1 / (size * _MEAN_SIGMA) ** 2
    gradient = log_scale / _PRIOR_SIGMA**2 + log_scale.mean() / size / _MEAN_SIGMA**2
    for row, by_row in ((first, by_first), (second, by_second)):
        gradient = gradient.index_add(0, row, (weight * by_row * residual).sum(dim=1))
        for column, by_column in ((first, by_first), (second, by_second)):
            information.index_put_((row, column), (weight * by_row * by_column).sum(dim=1), accumulate=True)
    step: Tensor = torch.linalg.solve(information, gradient)
    return step


def _residuals(surfaces: _Surfaces, pairs: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances (P, K) of the first views' samples from the second views' surfaces, relative to depth; NaN: unseen.

    Second and third: their derivatives by the log scales of the first and of the second view.
    """
    first, second = pairs.unbind(1)
    scale = log_scale.exp().to(surfaces.eye)
    offset = scale[first, None, None] * surfaces.samples[first]
    from_second = surfaces.eye[first, None] + offset - surfaces.eye[second, None]
    x, y, z = (from_second @ surfaces.rotation[second]).unbind(-1)
    fx, fy, cx, cy = surfaces.intrinsics[second].T[..., None]
    width, height = surfaces.size[second].T[..., None]
    u, v = (fx * x / z + cx).round(), (fy * y / z + cy).round()
    seen = (z > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    pixel = torch.where(seen, surfaces.start[second, None] + v * width + u, 0).to(torch.int64)
    normal, plane = surfaces.normal[pixel], scale[second, None] * surfaces.height[pixel]
    residual = ((normal * from_second).sum(dim=-1) + plane) / z
    return torch.where(seen, residual, torch.nan), (normal * offset).sum(dim=-1) / z, plane / z


def _overlapping_pairs(surfaces: _Surfaces) -> Tensor:
    """Pairs (P, 2) of views: each with up to _NEIGHBOURS others, evenly chosen from the most to the least overlap."""
    count = len(surfaces.eye)
    pairs = []
    everyone = torch.arange(count, device=surfaces.eye.device)
    known = (~surfaces.samples[..., 0].isnan()).sum(dim=1).clamp(min=1)
    for index in range(count):
        others = everyone[everyone != index]
        candidates = torch.stack([torch.full_like(others, index), others], dim=1)
        residual = _residuals(surfaces, candidates, torch.zeros(count))[0]
        overlap = (residual.abs() < _GATE).sum(dim=1) / known[index]
        ranked = overlap.argsort(descending=True)
        ranked = ranked[: int((overlap >= _LEAST_OVERLAP).sum())]
        chosen = torch.linspace(0, len(ranked) - 1, min(_NEIGHBOURS, len(ranked))).round().to(torch.int64)
        pairs.append(candidates[ranked[chosen]])
    return torch.cat(pairs)


def _surfaces(views: Sequence[DepthView]) -> _Surfaces:
    normals, heights, samples, intrinsics, sizes = [], [], [], [], []
    for view in views:
        stride = max(1, round(max(view.camera.width, view.camera.height) / _MAP_PX))
        rotation = view.depth_m.new_tensor(view.world_from_camera[:3, :3])
        points = back_project(reject_edges(view.depth_m), view.camera)[::stride, ::stride] @ rotation.T
        normal, height = _tangent_planes(points)
        rows, columns = height.shape
        step = max(1, int((rows * columns / _SAMPLES) ** 0.5))
        grid = torch.where(height[..., None].isnan(), torch.nan, points)[step // 2 :: step, step // 2 :: step]
        normals.append(normal.reshape(-1, 3))
        heights.append(height.flatten())
        samples.append(grid.reshape(-1, 3))
        camera = view.camera
        intrinsics.append([camera.fx / stride, camera.fy / stride, camera.cx / stride, camera.cy / stride])
        sizes.append([columns, rows])
    device = views[0].depth_m.device
    ends = torch.tensor([len(each) for each in heights], device=device).cumsum(0)
    return _Surfaces(
        eye=torch.tensor(np.stack([view.world_from_camera[:3, 3] for view in views]), device=device).float(),
        rotation=torch.tensor(np.stack([view.world_from_camera[:3, :3] for view in views]), device=device).float(),
        intrinsics=torch.tensor(intrinsics, device=device),
        size=torch.tensor(sizes, device=device),
        start=torch.cat([ends.new_zeros(1), ends[:-1]]),
        normal=torch.cat(normals),
        height=torch.cat(heights),
        samples=torch.nn.utils.rnn.pad_sequence(samples, batch_first=True, padding_value=torch.nan),
    )


def _tangent_planes(points: Tensor) -> tuple[Tensor, Tensor]:
    """Unit normals (H, W, 3) towards the origin, and distances (H, W) of the tangent planes from it; NaN: unknown.

    Unknown where a neighbour is, and where the surface is seen at a grazing angle.
    """
    across, down = torch.full_like(points, torch.nan), torch.full_like(points, torch.nan)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    down[1:-1] = points[2:] - points[:-2]
    normal = functional.normalize(torch.linalg.cross(down, across), dim=-1)
    height = -(normal * points).sum(dim=-1)
    known = height > _MIN_FACING * points.norm(dim=-1)
    return normal, torch.where(known, height, torch.nan)
