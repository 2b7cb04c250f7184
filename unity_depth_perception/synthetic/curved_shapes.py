"""Ellipsoids and upright cylinders that fill a box: where rays enter and leave them, and their normals."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.synthetic.scene import Form


def span(origin: Tensor, direction: Tensor, half: Tensor, form: Tensor) -> tuple[Tensor, Tensor]:
    """Parameters (P,) at which P rays enter and leave the curved surface; +Inf and -Inf where they miss it.

    A cylinder is taken as endless: its ends are the box's.

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


def normal(point: Tensor, half: Tensor, form: Tensor) -> Tensor:
    """Outward unit normals (3, P) of the curved surfaces at points (3, P) in the box's frame: the level's gradient."""
    gradient = _round(point / (half * half), form)
    return gradient * (gradient * gradient).sum(dim=0).clamp(min=1e-24).rsqrt()


def _round(vector: Tensor, form: Tensor) -> Tensor:
    """The components (3, P) in which the surface is curved."""
    flat = (form == Form.CYLINDER) & (torch.arange(3, device=form.device)[:, None] == 2)
    return vector.masked_fill(flat, 0.0)
