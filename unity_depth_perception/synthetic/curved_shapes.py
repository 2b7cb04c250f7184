"""Ray intersections and normals of ellipsoids and upright cylinders that fill a box."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.synthetic.scene import Form


def intersect(origin: Tensor, direction: Tensor, half: Tensor, form: Tensor) -> tuple[Tensor, Tensor]:
    """Parameters (P,) at which P rays enter and leave the curved surface; +Inf and -Inf where they miss it.

    A cylinder is taken as infinitely long: the box cuts off its ends.

    Args:
        origin, direction: (3, P) in the box's frame.
        half: (3, P) half edges of the boxes.
        form: (P,) int64 ELLIPSOID or CYLINDER.
    """
    o, d = _round(origin / half, form), _round(direction / half, form)  # the surface is where |o + t d| = 1
    squared = (d * d).sum(dim=0).clamp(min=1e-12)
    middle = -(o * d).sum(dim=0) / squared
    within = 1 - ((o + middle * d) ** 2).sum(dim=0)  # squared half chord in the unit sphere; exact where rays graze it
    reach = (within.clamp(min=0) / squared).sqrt()
    missed = torch.full_like(middle, torch.inf)
    return torch.where(within > 0, middle - reach, missed), torch.where(within > 0, middle + reach, -missed)


def outward_normals(point: Tensor, half: Tensor, form: Tensor) -> Tensor:
    """Outward unit normals (3, P) at points (3, P) in the box's frame: gradients of the implicit surface."""
    gradient = _round(point / (half * half), form)
    return gradient * (gradient * gradient).sum(dim=0).clamp(min=1e-24).rsqrt()


def _round(vector: Tensor, form: Tensor) -> Tensor:
    """Set the component along a cylinder's axis to 0, in which the surface is not curved; vectors (3, P)."""
    flat = (form == Form.CYLINDER) & (torch.arange(3, device=form.device)[:, None] == 2)
    return vector.masked_fill(flat, 0.0)
