"""Where objects are seen to end: what they hide may go on, what hides them hides where they end."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.ops.contact_edges import SAME_DEPTH
from unity_depth_perception.ops.instance_images import object_rows
from unity_depth_perception.ops.mask_indices import set_pixels


def occlusion_boundaries(
    depth_m: Tensor, instances: Tensor, count: int, camera: Camera, sample_size: int = 96
) -> Tensor:
    """Points (N, K, 3) [m] of the outlines of objects 1..count beside which something farther is seen; NaN if none is.

    Beside the background an object ends at any depth, unless that is nearer and so may hide it. At the image's border,
    and where another object borders it at its own depth, nobody knows.

    Args:
        depth_m: (H, W) planar depth [m].
        instances: (H, W) instance image.
        count: number of objects.
        camera: of this image.
        sample_size: K, how many points of each object; evenly spread, some twice where there are fewer.
    """
    rows = object_rows(instances, margin_px=1)
    numbers, depth_m = instances[rows].contiguous(), depth_m[rows].contiguous()
    width = numbers.shape[1]
    beside = set_pixels(torch.nn.functional.pad(numbers[:, 1:] != numbers[:, :-1], (0, 1)))
    above = set_pixels(numbers[1:] != numbers[:-1])
    one, other = torch.cat([beside, above]), torch.cat([beside + 1, above + width])
    own, next_to = torch.cat([one, other]), torch.cat([other, one])
    owner, neighbour = (numbers.view(-1).index_select(0, pixels).to(torch.int64) for pixels in (own, next_to))
    own_m, next_m = (depth_m.view(-1).index_select(0, pixels) for pixels in (own, next_to))
    least = torch.where(neighbour > 0, 1 + SAME_DEPTH, 1 - SAME_DEPTH)
    free = set_pixels((owner > 0) & (next_m > least * own_m))
    owner, order = torch.sort(owner[free], stable=True)
    if not len(owner):
        return depth_m.new_full((count, sample_size, 3), math.nan)
    chosen, has_any = _spread(owner, count, sample_size)
    pixel = own[free][order][chosen]
    z = torch.where(has_any, depth_m.view(-1)[pixel], math.nan)
    y = torch.div(pixel, width, rounding_mode="floor")
    x, y = (pixel - y * width - camera.cx) / camera.fx, (y + rows.start - camera.cy) / camera.fy
    return torch.stack([x * z, y * z, z], dim=-1)


def _spread(owner: Tensor, count: int, size: int) -> tuple[Tensor, Tensor]:
    """Places (N, size) in the sorted `owner` (R,) that are evenly spread over each object's; whether it has any.

    R is one or more.
    """
    each = torch.bincount(owner, minlength=count + 1)[1:, None]
    part = (torch.arange(size, dtype=torch.float64, device=owner.device) + 0.5) / size
    places = each.cumsum(0) - each + (part * each).floor().to(torch.int64)
    return places.clamp_(max=len(owner) - 1), each > 0
