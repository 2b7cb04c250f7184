"""What is seen just below each object: the background, or another object's surface."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.association import LowerBorders
from unity_depth_perception.ops.instances import object_rows
from unity_depth_perception.ops.selection import set_pixels

_SAME_DEPTH = 0.02  # relative: a surface that slants by up to 80 degrees changes by less from pixel to pixel
_GAP_RATIO = 0.01  # of the image's longer side: predicted masks end so far from each other where objects touch


def lower_borders(depth_m: Tensor, instances: Tensor, count: int, down: tuple[float, float]) -> LowerBorders:
    """Who borders objects 1..count of `instances` (H, W) from below; one pass over the pixels.

    Args:
        depth_m: (H, W) planar depth [m].
        instances: (H, W) instance image.
        count: number of objects.
        down: x and y of gravity in the image; the nearer of rows and columns is taken.
    """
    gap_px = max(1, round(_GAP_RATIO * max(instances.shape)))
    rows = object_rows(instances, gap_px + 1)  # what lies farther from all objects borders none
    numbers, depth_m = (_upright(image[rows], down).contiguous() for image in (instances, depth_m))
    ends = set_pixels((numbers[:-1] != numbers[1:]) & numbers[:-1].bool())
    above = numbers.view(-1).index_select(0, ends).to(torch.int64)
    below, at = _first_below(numbers, ends, above, gap_px)
    upper_m, lower_m = depth_m.view(-1).index_select(0, ends), depth_m.view(-1).index_select(0, at)
    nearer, farther = lower_m < upper_m * (1 - _SAME_DEPTH), lower_m > upper_m * (1 + _SAME_DEPTH)
    hidden = torch.full_like(below, count + 1)
    touched = torch.where((below == 0) | farther, 0, torch.where(nearer, hidden, below))
    cut = numbers[-1].to(torch.int64)  # beyond the image's border anything may follow
    hiding = torch.where(nearer, below, hidden)
    seen, touching, hiders = (
        _shares(torch.cat([above, cut]), torch.cat([what, torch.full_like(cut, count + 1)]), count)
        for what in (below, touched, hiding)
    )
    return LowerBorders(touching[:, 0], touching[:, 1:], seen[:, 0], seen[:, 1:], hiders[:, 1:])


def _upright(image: Tensor, down: tuple[float, float]) -> Tensor:
    """The image turned by quarters until gravity points to larger rows."""
    if abs(down[0]) > abs(down[1]):
        return image.T if down[0] > 0 else image.T.flip(0)
    return image if down[1] >= 0 else image.flip(0)


def _first_below(numbers: Tensor, ends: Tensor, above: Tensor, gap_px: int) -> tuple[Tensor, Tensor]:
    """The next object below pixels (R,) of objects `above` across a gap between masks, 0 for none; and its pixel."""
    height, width = numbers.shape
    lowest = (height - 1) * width + ends % width
    steps = torch.arange(width, (gap_px + 1) * width, width, device=ends.device)
    pixels = torch.minimum(ends[:, None] + steps, lowest[:, None])  # (R, gap)
    found = numbers.view(-1).index_select(0, pixels.view(-1)).view_as(pixels).to(torch.int64)
    other = (found > 0) & (found != above[:, None])
    first = other.to(torch.uint8).argmax(dim=1, keepdim=True)  # 0 where there is none: the pixel below
    below = torch.where(other.any(dim=1), found.gather(1, first)[:, 0], 0)
    return below, pixels.gather(1, first)[:, 0]


def _shares(above: Tensor, what: Tensor, count: int) -> NDArray[np.float64]:
    """Which part of each object's border has the background, objects 1..count, or what hides it below it."""
    table = torch.bincount(above * (count + 2) + what, minlength=(count + 1) * (count + 2))
    table = table.view(count + 1, count + 2)[1:].to(torch.float64)
    shares = table / table.sum(dim=1, keepdim=True).clamp(min=1)
    return np.asarray(shares[:, :-1].cpu().numpy())
