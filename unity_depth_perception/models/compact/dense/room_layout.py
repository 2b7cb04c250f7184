"""Room layout: depth of levels and of the vertical walls around the lowest, from which pixels show them.

Each pixel's ray has an azimuth about the vertical and a slope: its descent over its horizontal distance. At one azimuth
the floor fills all slopes above a minimum, where the wall's foot is; everything less steep is the wall. With the camera
`height` above the floor, a ray that descends `down` and advances `ahead` per metre of depth meets floor or wall at

    height / depth = max(down, min_slope * ahead)

This holds for vertical walls around a convex floor, whatever the camera's tilt and field of view. Where objects stand
on furniture, `height` is that above the floor of the room: it is larger than that above the objects' level by a factor
that the directly predicted depth of the floor's pixels tells.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_AZIMUTHS = 256
_UPSAMPLING = 2  # of the evidence: the wall's foot lies where the evidence changes its sign between two pixels
_SLOPES = 192
_LOG_SLOPE_MIN, _LOG_SLOPE_MAX = math.log(0.02), math.log(8.0)  # 1.1 to 83 degrees down
_MAX_DEPTH = 200.0  # heights of the camera
_LEAST_LOWER_SHARE = 0.005  # of an image's pixels; a lower floor that is hardly seen is none
_LEAST_DOWN = 0.03  # descent of the rays that tell the height of the lower floor


def log_layout_depth(
    floor: Tensor, wall: Tensor, lower_floor: Tensor, log_depth: Tensor, rays: Tensor, normal: Tensor
) -> Tensor:
    """Log depth (B, H, W) of levels and walls, in units of the camera's height above the objects' level.

    Args:
        floor: (B, H, W) probability that a pixel shows the level that the objects stand on.
        wall: (B, H, W) probability of a wall.
        lower_floor: (B, H, W) probability of a lower floor, on which the walls then stand.
        log_depth: (B, H, W) directly predicted log depth.
        rays: (B, 2, H, W) x / z and y / z of each pixel.
        normal: (B, 3) unit normal of all levels in the optical frame, pointing down.
    """
    down = component_along(normal, rays)
    log_level = -down.clamp(min=1 / _MAX_DEPTH).log()
    weight = lower_floor * (down > _LEAST_DOWN)
    total = weight.sum(dim=(1, 2))
    has_lower = (total > _LEAST_LOWER_SHARE * down[0].numel())[:, None, None]
    drop = ((weight * (log_depth - log_level)).sum(dim=(1, 2)) / total.clamp(min=1e-6)).clamp(min=0.0)
    room = log_room_depth(torch.where(has_lower, lower_floor, floor) - wall, rays, normal)
    room = room + torch.where(has_lower, drop[:, None, None], 0.0)
    return torch.where(has_lower & (floor > lower_floor + wall), log_level, room)


def log_room_depth(evidence: Tensor, rays: Tensor, normal: Tensor) -> Tensor:
    """Log depth (B, H, W) of floor and walls, in units of the camera's height above the floor.

    Args:
        evidence: (B, H, W) -1 where a pixel shows a wall, 1 the floor, 0 neither or unknown; anything between.
        rays: (B, 2, H, W) x / z and y / z of each pixel.
        normal: (B, 3) unit normal of the floor in the optical frame, pointing down.
    """
    upsampled = functional.interpolate(
        torch.cat([evidence[:, None], rays], dim=1), scale_factor=_UPSAMPLING, mode="bilinear", align_corners=False
    )
    azimuth, down, ahead = _directions(upsampled[:, 1:], normal)
    slopes = _min_floor_slopes(upsampled[:, 0], azimuth, down / ahead)
    azimuth, down, ahead = _directions(rays, normal)
    slope = _interpolate(slopes, azimuth)
    return -torch.maximum(down, slope * ahead).clamp(min=1 / _MAX_DEPTH).log()


def _directions(rays: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Azimuth (0 to _AZIMUTHS), descent and horizontal distance per metre of depth (B, H, W each) of every ray."""
    right = functional.normalize(torch.eye(3, device=rays.device)[0] - normal[:, :1] * normal, dim=1)
    forward = torch.linalg.cross(right, normal)
    x, down, z = (component_along(axis, rays) for axis in (right, normal, forward))
    azimuth = (torch.atan2(x, z) / (2 * math.pi) + 0.5) * _AZIMUTHS
    return azimuth, down, torch.hypot(x, z).clamp(min=1e-4)


def component_along(axis: Tensor, rays: Tensor) -> Tensor:
    """Component (B, H, W) along axes (B, 3) of the rays (x, y, 1), given as (B, 2, H, W)."""
    return (axis[:, :2, None, None] * rays).sum(dim=1) + axis[:, 2, None, None]


def _min_floor_slopes(evidence: Tensor, azimuth: Tensor, slope: Tensor) -> Tensor:
    """Slope (B, _AZIMUTHS) of the wall's foot at each azimuth: the one that contradicts the least evidence.

    Evidence of three neighbouring azimuths is added up. 0 where the evidence shows no wall.
    """
    column = azimuth.long().clamp(0, _AZIMUTHS - 1)
    per_bin = (_LOG_SLOPE_MAX - _LOG_SLOPE_MIN) / _SLOPES
    row = ((slope.clamp(min=1e-3).log() - _LOG_SLOPE_MIN) / per_bin).long().clamp(0, _SLOPES - 1)
    votes = evidence.new_zeros(len(evidence), _AZIMUTHS * _SLOPES)
    votes.scatter_add_(1, (column * _SLOPES + row).flatten(1), evidence.flatten(1))
    votes = votes.view(-1, _AZIMUTHS, _SLOPES)
    votes = votes + votes.roll(1, dims=1) + votes.roll(-1, dims=1)
    below = functional.pad(votes.cumsum(dim=2), (1, 0))  # evidence at slopes less than each bin's lower end
    foot = (below[:, :, -1:] - 2 * below).argmax(dim=2)  # floor at steeper slopes, wall at lesser ones
    return torch.where(foot == 0, 0.0, (_LOG_SLOPE_MIN + per_bin * foot).exp())


def _interpolate(slopes: Tensor, azimuth: Tensor) -> Tensor:
    """Slopes (B, H, W) at any azimuth, linear between those of the two nearest bins; the nearest one if either is 0."""
    position = azimuth - 0.5
    left = position.floor()
    share = position - left
    first, second = (slopes.gather(1, ((left.long() + k) % _AZIMUTHS).flatten(1)).view_as(azimuth) for k in (0, 1))
    mixed = torch.lerp(first, second, share)
    return torch.where((first > 0) & (second > 0), mixed, torch.where(share < 0.5, first, second))
