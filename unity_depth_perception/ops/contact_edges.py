"""Contact edges: what the image shows just below each object, the background or the surface of another object."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.support_relations.config import SUPPORT, SupportConfig
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.ops.geometry import pixel_rays
from unity_depth_perception.ops.instance_images import object_rows
from unity_depth_perception.ops.mask_indices import set_pixels


@dataclass(frozen=True)
class _View:
    """Some rows of an image, rotated by quarter turns until gravity points to larger rows.

    Attributes:
        numbers, depth_m: (H, W) object numbers and planar depth, contiguous.
        x, y: (W,), (H,) viewing rays x / z and y / z of columns and rows.
        up: (3,) unit vector against gravity, in the axes of these rays.
    """

    numbers: Tensor
    depth_m: Tensor
    x: Tensor
    y: Tensor
    up: tuple[float, float, float]

    def transposed(self) -> _View:
        return _View(self.numbers.T, self.depth_m.T, self.y, self.x, (self.up[1], self.up[0], self.up[2]))

    def flipped(self) -> _View:
        return _View(
            self.numbers.flip(0), self.depth_m.flip(0), self.x, -self.y.flip(0), (self.up[0], -self.up[1], self.up[2])
        )

    def upright(self) -> _View:
        view = self.transposed() if abs(self.up[0]) > abs(self.up[1]) else self
        view = view.flipped() if view.up[1] > 0 else view
        return replace(view, numbers=view.numbers.contiguous(), depth_m=view.depth_m.contiguous())

    def at(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Object number and depth [m] at pixels (...)."""
        flat = pixels.reshape(-1)
        numbers, depth_m = (image.view(-1).index_select(0, flat) for image in (self.numbers, self.depth_m))
        return numbers.view_as(pixels).to(torch.int64), depth_m.view_as(pixels)

    def slopes(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rise against gravity of the rays of pixels (R,), and its change from row to row and from column to column."""
        row = torch.div(pixels, self.numbers.shape[1], rounding_mode="floor")
        x, y = self.x.index_select(0, pixels - row * self.numbers.shape[1]), self.y.index_select(0, row)
        rise = x * self.up[0] + y * self.up[1] + self.up[2]
        return rise, self.up[1] - y * rise, self.up[0] - x * rise


def contact_edges(
    depth_m: Tensor,
    instances: Tensor,
    count: int,
    camera: Camera,
    up: NDArray[np.float64],
    config: SupportConfig = SUPPORT,
) -> ContactEdges:
    """Find what is just below the lower edges of objects 1..count of `instances`, in one pass over the pixels.

    Args:
        depth_m: (H, W) planar depth [m].
        instances: (H, W) instance image.
        up: (3,) unit vector against gravity, in the optical frame; "below" is along the image axis nearest to gravity.
    """
    gap_px = max(1, round(config.mask_gap * max(instances.shape)))
    rows = object_rows(instances, gap_px + 1)  # what is farther from all objects is below none
    x, y = pixel_rays(camera, depth_m.device)
    view = _View(instances[rows], depth_m[rows], x, y[rows], (float(up[0]), float(up[1]), float(up[2]))).upright()
    numbers = view.numbers
    edge = set_pixels((numbers[:-1] != numbers[1:]) & numbers[:-1].bool())
    edge = edge[~_on_side(view, edge)]
    above = view.at(edge)[0]
    below, at = _first_below(view, edge, above, gap_px)
    step_m, touching_m = _depth_steps(view, edge, at, config)
    nearer, farther = step_m < -touching_m, step_m > touching_m
    unknown = torch.full_like(below, count + 1)
    cut = numbers[-1].to(torch.int64)  # beyond the image's border anything may follow
    found = torch.stack(
        [
            below,
            torch.where(nearer | farther, unknown, below),
            torch.where(nearer, unknown, torch.where(farther, 0, below)),
        ]
    )
    below_cut = torch.full_like(cut, count + 1).expand(len(found), -1)
    any_depth, same_depth, visible = _fractions(torch.cat([above, cut]), torch.cat([found, below_cut], dim=1), count)
    return ContactEdges(visible[:, 0], same_depth[:, 1:], same_depth[:, 0], any_depth[:, 0], any_depth[:, 1:])


def _on_side(view: _View, edge: Tensor) -> Tensor:
    """Which of the pixels (R,) above a change of object are at a vertical side of their object, not at its lower end.

    Vertical sides look slanted in images. From such a pixel, the object continues in the image direction of gravity:
    the pixel where that direction reaches the next column belongs to the object.
    """
    height, width = view.numbers.shape
    _, down, aside = view.slopes(edge)
    slant = aside / down  # columns for each row
    rows = torch.ceil(0.5 / slant.abs().clamp(min=1e-6)).clamp(max=height).to(torch.int64)
    step = slant.sign().to(torch.int64)
    target, column = edge + rows * width + step, edge % width + step
    inside = (target < height * width) & (column >= 0) & (column < width)
    return inside & (view.at(target.clamp(0, height * width - 1))[0] == view.at(edge)[0])


def _first_below(view: _View, edge: Tensor, above: Tensor, gap_px: int) -> tuple[Tensor, Tensor]:
    """The next object below pixels (R,) of objects `above`, across a gap between masks, or 0; and its first pixel."""
    height, width = view.numbers.shape
    lowest = (height - 1) * width + edge % width
    steps = torch.arange(width, (gap_px + 1) * width, width, device=edge.device)
    pixels = torch.minimum(edge[:, None] + steps, lowest[:, None])  # (R, gap)
    found = view.at(pixels)[0]
    other = (found > 0) & (found != above[:, None])
    first = other.to(torch.uint8).argmax(dim=1, keepdim=True)  # 0 where there is none: the pixel below
    below = torch.where(other.any(dim=1), found.gather(1, first)[:, 0], 0)
    return below, pixels.gather(1, first)[:, 0]


def _depth_steps(view: _View, edge: Tensor, at: Tensor, config: SupportConfig) -> tuple[Tensor, Tensor]:
    """Depth steps (R,) [m] from pixels `edge` to pixels `at` below, and the largest step between touching surfaces.

    Touching surfaces continue with the slopes that they have on either side, or have a level face between them that is
    too narrow to be visible.
    """
    width = view.numbers.shape[1]
    upper_m, lower_m = view.at(edge)[1], view.at(at)[1]
    rows = torch.div(at - edge, width, rounding_mode="floor")
    level_m = upper_m * (1 - view.slopes(edge)[0] / view.slopes(at)[0]).abs()
    lower_slope_m = torch.maximum(rows * _slopes(view, at, width), level_m)
    touching_m = rows * _slopes(view, edge, -width) + lower_slope_m + config.depth_noise * upper_m
    return lower_m - upper_m, torch.minimum(touching_m, config.same_depth * upper_m)


def _slopes(view: _View, pixels: Tensor, step: int) -> Tensor:
    """Change (R,) [m] of the depth from each pixel to its next pixel of the same object; inf where it has none."""
    own, own_m = view.at(pixels)
    other, other_m = view.at((pixels + step).clamp_(0, view.numbers.numel() - 1))
    return torch.where(own == other, (other_m - own_m).abs(), torch.inf)


def _fractions(above: Tensor, found: Tensor, count: int) -> NDArray[np.float64]:
    """Fractions (K, N, 1 + N) of the lower edge of each object above the background and above objects 1..count.

    Args:
        above: (R,) object of each pixel of a lower edge.
        found: (K, R) what is below, in K readings: 0 background, 1..count an object, count + 1 unknown.
        count: N.
    """
    place = above * (count + 2) + found
    table = place.new_zeros(len(found), (count + 1) * (count + 2)).scatter_add_(1, place, torch.ones_like(place))
    table = table.view(-1, count + 1, count + 2)[:, 1:].to(torch.float64)
    fractions = table / table.sum(dim=2, keepdim=True).clamp(min=1)
    return np.asarray(fractions[:, :, :-1].cpu().numpy())
