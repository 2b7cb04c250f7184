"""What is seen just below each object: the background, or another object's surface."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.core.association import LowerBorders

_SAME_DEPTH = 0.02  # relative: a surface that slants by up to 80 degrees changes by less from pixel to pixel


def lower_borders(depth_m: Tensor, instances: Tensor, count: int, down: tuple[float, float]) -> LowerBorders:
    """Who borders objects 1..count of `instances` (H, W) from below; one pass over the pixels.

    Args:
        depth_m: (H, W) planar depth [m].
        instances: (H, W) instance image.
        count: number of objects.
        down: x and y of gravity in the image; the nearer of rows and columns is taken.
    """
    upper, lower = _neighbours(instances, down)
    rim = ((upper != lower) & (upper > 0)).nonzero(as_tuple=True)
    above, below = upper[rim].to(torch.int64), lower[rim].to(torch.int64)
    upper_m, lower_m = (depth[rim] for depth in _neighbours(depth_m, down))
    nearer = lower_m < upper_m * (1 - _SAME_DEPTH)
    farther = lower_m > upper_m * (1 + _SAME_DEPTH)
    seen_as = torch.where(nearer, count + 1, torch.where(farther, 0, below))  # count + 1: hidden
    seen_as = torch.where(below == 0, 0, seen_as)
    cut = _last(instances, down).to(torch.int64)  # beyond the image's border anything may follow
    pairs = torch.cat([above * (count + 2) + seen_as, cut * (count + 2) + count + 1])
    table = torch.bincount(pairs, minlength=(count + 1) * (count + 2))
    table = table.view(count + 1, count + 2)[1:].to(torch.float64)
    shares = (table / table.sum(dim=1, keepdim=True).clamp(min=1)).cpu().numpy()
    return LowerBorders(shares[:, 0], shares[:, 1:-1])


def _neighbours(image: Tensor, down: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Each pixel and the one below it."""
    if abs(down[0]) > abs(down[1]):
        first, second = image[:, :-1], image[:, 1:]
        return (first, second) if down[0] > 0 else (second, first)
    first, second = image[:-1], image[1:]
    return (first, second) if down[1] >= 0 else (second, first)


def _last(image: Tensor, down: tuple[float, float]) -> Tensor:
    """The pixels below which the image ends."""
    if abs(down[0]) > abs(down[1]):
        return image[:, -1] if down[0] > 0 else image[:, 0]
    return image[-1] if down[1] >= 0 else image[0]
