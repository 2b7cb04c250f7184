"""Depth at the rims of objects: each side of a mask's contour gets the depth of its own surface.

A network predicts depth on a grid that is coarser than the image. Enlarged, a step in depth becomes a ramp over several
pixels, and each pixel of the ramp a point in the air between two surfaces. Where masks are known, the contours are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.ops.mask_indices import by_label, set_pixels

_STEPS = 5  # cells that a surface is continued beyond its core


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
    size = depth_m.shape
    labels = instances if instances.dtype == torch.uint8 else instances.float()
    cells = _resampled(labels, (2 * grid[0], 2 * grid[1])).view(grid[0], 2, grid[1], 2)
    highest, lowest = (
        extreme(*extreme(*cells.unbind(dim=1)).unbind(dim=2)) for extreme in (torch.maximum, torch.minimum)
    )
    core, inside = _are_uniform(highest, lowest)
    if bool(inside.all()):
        return depth_m
    rim = set_pixels(_resampled((~inside).to(torch.uint8), size) > 0)
    own, seen = (image.reshape(-1).index_select(0, rim) for image in (instances, depth_m))
    has_surface = set_pixels(~seen.isnan() & ((own > 0) | ~seen.isinf()))
    rim, own = rim[has_surface], own[has_surface].long()
    inverse = 1 / _resampled(depth_m, grid)
    known = inverse.isfinite() & (inverse > 0)
    result = depth_m.reshape(-1).clone()
    row = torch.div(rim, size[1], rounding_mode="floor")
    column = rim - row * size[1]
    in_grid = [(pixel + 0.5) * (grid[k] / size[k]) - 0.5 for k, pixel in enumerate((row, column))]
    place = torch.stack(in_grid, dim=1)  # (P, 2) rows and columns
    objects = [(label, rim[mine], place[mine]) for label, mine in by_label(own)]
    for (label, mine, position), (top, left, bottom, right) in zip(
        objects, _windows([position for _, _, position in objects]), strict=True
    ):
        window = slice(top, bottom), slice(left, right)
        own_core = known[window] & core[window] & (highest[window] == label)
        continued, reached = _continue(inverse[window], own_core)
        value, certainty = _bilinear(torch.stack([continued, reached]), position, (top, left))
        result[mine] = torch.where(certainty > 0.5, certainty / value, result[mine])
    return result.view(size)


def _windows(positions: Sequence[Tensor]) -> list[list[int]]:
    """First row, first column, last row + 1 and last column + 1 of the cells around positions (P, 2); one download."""
    if not positions:
        return []
    first = [(position.amin(dim=0).floor().long() - 2).clamp(min=0) for position in positions]
    last = [position.amax(dim=0).ceil().long() + 3 for position in positions]
    found: list[list[int]] = torch.stack([torch.cat(pair) for pair in zip(first, last, strict=True)]).tolist()
    return found


def _resampled(plane: Tensor, size: Sequence[int]) -> Tensor:
    """Nearest values (h, w) of a plane (H, W)."""
    return functional.interpolate(plane[None, None], size=tuple(size), mode="nearest-exact")[0, 0]


def _are_uniform(highest: Tensor, lowest: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each cell (h, w) and all within one cell of it, and within two, show one label.

    Args:
        highest, lowest: (h, w) extremes of the labels in each cell.
    """
    found = []
    for _ in range(2):
        highest, lowest = _of_neighbours(highest, torch.maximum), _of_neighbours(lowest, torch.minimum)
        found.append(highest == lowest)
    return found[0], found[1]


def _of_neighbours(plane: Tensor, extreme: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Extremes (h, w) of each cell of a plane and the eight around it, of those that there are."""
    for dim in (0, 1):
        size = plane.shape[dim]
        after, before = (plane.narrow(dim, start, size - 1) for start in (1, 0))
        pairs = extreme(after, before)  # of each cell and the next
        ends = plane.narrow(dim, 0, 1), plane.narrow(dim, size - 1, 1)
        plane = extreme(torch.cat([ends[0], pairs], dim=dim), torch.cat([pairs, ends[1]], dim=dim))
    return plane


def _continue(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Values (h, w), 0 where unknown, continued into unknown cells, and 1 where they are known then."""
    planes = torch.stack([torch.where(known, values, 0.0), known.to(values.dtype)])
    for _ in range(_STEPS):
        total = functional.pad(planes, (1, 1, 1, 1))
        for dim in (1, 1, 2, 2):  # weights 1, 2, 1 along both axes
            size = total.shape[dim] - 1
            total = total.narrow(dim, 0, size) + total.narrow(dim, 1, size)
        reached = (planes[1] == 0) & (total[1] > 0)
        mean = torch.stack([total[0] / total[1].clamp(min=1e-6), torch.ones_like(total[1])])
        planes = torch.where(reached, mean, planes)
    return planes[0], planes[1]


def _bilinear(planes: Tensor, place: Tensor, corner: tuple[int, int]) -> Tensor:
    """Values (C, P) of planes (C, h, w), the first cell of which is `corner`, at P places; interpolated bilinearly."""
    height, width = planes.shape[1:]
    rows, columns = (place[:, k] - corner[k] for k in (0, 1))
    grid = torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], dim=1) * 2 - 1
    sampled = functional.grid_sample(planes[None], grid[None, None], padding_mode="border", align_corners=False)
    return sampled[0, :, 0]
