"""What is seen just below each object: the background, or another object's surface."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.ops.geometry import pixel_rays
from unity_depth_perception.ops.instance_images import object_rows
from unity_depth_perception.ops.mask_indices import set_pixels

SAME_DEPTH = 0.02  # relative: a surface that slants by up to 80 degrees changes by less from pixel to pixel
_NOISE = 0.001  # relative: a smaller step between two surfaces is none
_GAP_RATIO = 0.01  # of the image's longer side: predicted masks end so far from each other where objects touch


@dataclass(frozen=True)
class _View:
    """Some rows of an image, turned by quarters until gravity points to larger rows.

    Attributes:
        numbers, depth_m: (H, W) contiguous.
        x, y: (W,), (H,) normalised image coordinates.
        up: (3,) against gravity, in these.
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

    def slopes(self, pixel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where rays of pixels (R,) go: up by (R,), and on the way down by how much from row to row and to the side."""
        row = torch.div(pixel, self.numbers.shape[1], rounding_mode="floor")
        x, y = self.x.index_select(0, pixel - row * self.numbers.shape[1]), self.y.index_select(0, row)
        rise = x * self.up[0] + y * self.up[1] + self.up[2]
        return rise, self.up[1] - y * rise, self.up[0] - x * rise


def contact_edges(
    depth_m: Tensor, instances: Tensor, count: int, camera: Camera, up: NDArray[np.float64]
) -> ContactEdges:
    """Who borders objects 1..count of `instances` (H, W) from below; one pass over the pixels.

    Args:
        depth_m: (H, W) planar depth [m].
        instances: (H, W) instance image.
        count: number of objects.
        camera: of this image.
        up: (3,) against gravity, in the optical frame; below is along the nearest of rows and columns.
    """
    gap_px = max(1, round(_GAP_RATIO * max(instances.shape)))
    rows = object_rows(instances, gap_px + 1)  # what lies farther from all objects borders none
    x, y = pixel_rays(camera, depth_m.device)
    view = _View(instances[rows], depth_m[rows], x, y[rows], (float(up[0]), float(up[1]), float(up[2]))).upright()
    numbers = view.numbers
    ends = set_pixels((numbers[:-1] != numbers[1:]) & numbers[:-1].bool())
    ends = ends[~_at_sides(view, ends)]
    above = numbers.view(-1).index_select(0, ends).to(torch.int64)
    below, at = _first_below(numbers, ends, above, gap_px)
    step_m, least_m = _steps(view, ends, at)
    nearer, farther = step_m < -least_m, step_m > least_m
    hidden = torch.full_like(below, count + 1)
    cut = numbers[-1].to(torch.int64)  # beyond the image's border anything may follow
    seen, meeting, hiding, ending = (
        _shares(torch.cat([above, cut]), torch.cat([what, torch.full_like(cut, count + 1)]), count)
        for what in (
            below,
            torch.where(nearer | farther, hidden, below),
            torch.where(nearer, below, hidden),
            torch.where(nearer, hidden, torch.where(farther, 0, below)),
        )
    )
    return ContactEdges(ending[:, 0], meeting[:, 1:], meeting[:, 0], seen[:, 0], seen[:, 1:], hiding[:, 1:])


def _at_sides(view: _View, ends: Tensor) -> Tensor:
    """Which of the pixels (R,) above a change are no lower end but at a side: upright sides lead down aslant in images.

    Along gravity's way through the image an object goes on there: as soon as it reaches the next column.
    """
    height, width = view.numbers.shape
    _, down, aside = view.slopes(ends)
    lean = aside / down  # columns for each row
    rows = torch.ceil(0.5 / lean.abs().clamp(min=1e-6)).clamp(max=height).to(torch.int64)
    target = ends + rows * width + lean.sign().to(torch.int64)
    column = ends % width + lean.sign().to(torch.int64)
    inside = (target < height * width) & (column >= 0) & (column < width)
    numbers = view.numbers.view(-1)
    goes_on = numbers.index_select(0, target.clamp(0, height * width - 1)) == numbers.index_select(0, ends)
    return inside & goes_on


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


def _steps(view: _View, ends: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """How much farther (R,) [m] pixels `at` are than pixels `ends` above them, and from which step on surfaces part.

    Surfaces that meet go on with the slopes that they have on either side; or a level face is between them, too narrow
    to be seen.
    """
    width = view.numbers.shape[1]
    upper_m, lower_m = (view.depth_m.view(-1).index_select(0, pixels) for pixels in (ends, at))
    upper_slope_m = _slopes(view, ends, -width)
    lower_slope_m = _slopes(view, at, width)
    rows = torch.div(at - ends, width, rounding_mode="floor")
    level_m = upper_m * (1 - view.slopes(ends)[0] / view.slopes(at)[0]).abs()
    least_m = rows * upper_slope_m + torch.maximum(rows * lower_slope_m, level_m) + _NOISE * upper_m
    return lower_m - upper_m, torch.minimum(least_m, SAME_DEPTH * upper_m)


def _slopes(view: _View, pixels: Tensor, step: int) -> Tensor:
    """By how much (R,) [m] the depth of the object at each pixel changes to its next pixel; inf where it has none."""
    next_to = (pixels + step).clamp_(0, view.numbers.numel() - 1)
    own, other = (view.numbers.view(-1).index_select(0, each) for each in (pixels, next_to))
    own_m, other_m = (view.depth_m.view(-1).index_select(0, each) for each in (pixels, next_to))
    return torch.where(own == other, (other_m - own_m).abs(), torch.inf)


def _shares(above: Tensor, what: Tensor, count: int) -> NDArray[np.float64]:
    """Which part of each object's border has the background, objects 1..count, or what hides it below it."""
    table = torch.bincount(above * (count + 2) + what, minlength=(count + 1) * (count + 2))
    table = table.view(count + 1, count + 2)[1:].to(torch.float64)
    shares = table / table.sum(dim=1, keepdim=True).clamp(min=1)
    return np.asarray(shares[:, :-1].cpu().numpy())
