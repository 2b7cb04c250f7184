"""Depth at the rims of objects: each side of a mask's contour gets the depth of its own surface.

A network predicts depth on a grid that is coarser than the image. Enlarged, a step in depth becomes a ramp over several
pixels, and each pixel of the ramp a point in the air between two surfaces. Where masks are known, the contours are.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_STEPS = 5  # cells that a surface is continued beyond its core
_KERNEL = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))


def follow_masks(depth_m: Tensor, instances: Tensor, grid: tuple[int, int]) -> Tensor:
    """Depth (H, W) [m] whose steps lie on the contours of the masks.

    Within two grid cells of a contour, a pixel gets the depth that the core of its own object, or of the background,
    continues to have there: the cells that, with all eight around them, show one label. Inverse depth is continued
    evenly. Objects without a core, the sky beside objects, and NaN stay as they are.

    Args:
        depth_m: (H, W) planar depth; NaN or +Inf where there is none.
        instances: (H, W) instance image, 0 = background.
        grid: height and width of the map that the depth was enlarged from.
    """
    size, halves = depth_m.shape, (2 * grid[0], 2 * grid[1])
    labels = functional.interpolate(instances[None, None].float(), size=halves, mode="nearest-exact")
    highest, lowest = functional.max_pool2d(labels, 2), -functional.max_pool2d(-labels, 2)
    core, inside = (_is_uniform(highest, lowest, cells) for cells in (1, 2))
    if bool(inside.all()):
        return depth_m
    rim = functional.interpolate((~inside)[None, None].float(), size=size, mode="nearest-exact")[0, 0] > 0
    rim &= ~depth_m.isnan() & ((instances > 0) | ~depth_m.isinf())
    pixels = rim.nonzero()
    own = instances[rim].long()
    inverse = 1 / functional.interpolate(depth_m[None, None], size=grid, mode="nearest-exact")[0, 0]
    known = inverse.isfinite() & (inverse > 0)
    cells_per_px = inverse.new_tensor([grid[0] / size[0], grid[1] / size[1]])
    result = depth_m.clone()
    for label in torch.bincount(own).nonzero().flatten().tolist():
        mine = pixels[own == label]
        place = (mine + 0.5) * cells_per_px - 0.5  # (P, 2) rows and columns in the grid
        first = (place.amin(dim=0).floor().long() - 2).clamp(min=0).tolist()
        last = (place.amax(dim=0).ceil().long() + 3).tolist()
        window = slice(first[0], last[0]), slice(first[1], last[1])
        cells = known[window] & (highest[0, 0][window] == label)
        continued, reached = _continue(inverse[window], cells & core[window])
        position = place - place.new_tensor(first)
        value, certainty = _bilinear(torch.stack([continued, reached]), position)
        chosen = certainty > 0.5
        result[mine[chosen, 0], mine[chosen, 1]] = (certainty / value)[chosen]
    return result


def _is_uniform(highest: Tensor, lowest: Tensor, cells: int) -> Tensor:
    """Whether each cell (h, w) and all within `cells` cells of it show one label; extremes of cells (1, 1, h, w)."""
    above, below = (
        functional.max_pool2d(extreme, 2 * cells + 1, stride=1, padding=cells) for extreme in (highest, -lowest)
    )
    return (above == -below)[0, 0]


def _continue(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Values (h, w), 0 where unknown, continued into unknown cells, and 1 where they are known then."""
    kernel = values.new_tensor(_KERNEL).expand(2, 1, 3, 3)
    planes = torch.stack([torch.where(known, values, 0.0), known.to(values.dtype)])[None]
    for _ in range(_STEPS):
        total = functional.conv2d(planes, kernel, padding=1, groups=2)
        reached = (planes[:, 1:] == 0) & (total[:, 1:] > 0)
        mean = torch.cat([total[:, :1] / total[:, 1:].clamp(min=1e-6), torch.ones_like(total[:, 1:])], dim=1)
        planes = torch.where(reached, mean, planes)
    return planes[0, 0], planes[0, 1]


def _bilinear(planes: Tensor, place: Tensor) -> Tensor:
    """Values (C, P) of planes (C, h, w) at P places, rows and columns, interpolated bilinearly."""
    height, width = planes.shape[1:]
    grid = torch.stack([(place[:, 1] + 0.5) / width, (place[:, 0] + 0.5) / height], dim=1) * 2 - 1
    sampled = functional.grid_sample(planes[None], grid[None, None], padding_mode="border", align_corners=False)
    return sampled[0, :, 0]
