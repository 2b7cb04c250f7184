"""The room that stands on a floor, from where the floor is seen to end.

Looked at from the camera, every pixel has an azimuth about the vertical and a slope: how far its ray goes down per
metre that it goes ahead. In one azimuth the floor is seen at all slopes down to some least one; what is seen above is a
wall, standing where the floor ends. With the camera `height` above the floor, a ray that goes `down` and `ahead` per
metre of depth therefore meets something at

    height / depth = max(down, least_slope * ahead)

This holds for vertical walls around a convex floor, whatever the camera's tilt and field of view.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_AZIMUTHS = 256
_FINER = 2  # pixels are divided, so that the floor ends where the evidence changes its sign between two
_SLOPES = 192
_LOG_SLOPE_MIN, _LOG_SLOPE_MAX = math.log(0.02), math.log(8.0)  # 1.1 to 83 degrees down
_FARTHEST = 40.0  # heights of the camera


def log_room_depth(evidence: Tensor, rays: Tensor, normal: Tensor) -> Tensor:
    """Log depth (B, H, W) of floor and walls, in heights of the camera.

    Args:
        evidence: (B, H, W) from -1 (a wall) over 0 (neither, or unknown) to 1 (the floor).
        rays: (B, 2, H, W) x / z and y / z of each pixel.
        normal: (B, 3) unit normal of the floor in the optical frame, pointing down.
    """
    finer = functional.interpolate(
        torch.cat([evidence[:, None], rays], dim=1), scale_factor=_FINER, mode="bilinear", align_corners=False
    )
    turn, down, ahead = _directions(finer[:, 1:], normal)
    slopes = _least_slopes(finer[:, 0], turn, down / ahead)
    turn, down, ahead = _directions(rays, normal)
    slope = _at(slopes, turn)
    return -torch.maximum(down, slope * ahead).clamp(min=1 / _FARTHEST).log()


def _directions(rays: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, H, W) azimuth 0.._AZIMUTHS of each ray, and how far it goes down and ahead per metre of depth."""
    right = functional.normalize(torch.eye(3, device=rays.device)[0] - normal[:, :1] * normal, dim=1)
    forward = torch.linalg.cross(right, normal)
    x, down, z = (component_along(axis, rays) for axis in (right, normal, forward))
    turn = (torch.atan2(x, z) / (2 * math.pi) + 0.5) * _AZIMUTHS
    return turn, down, torch.hypot(x, z).clamp(min=1e-4)


def component_along(axis: Tensor, rays: Tensor) -> Tensor:
    """(B, H, W) component along axes (B, 3) of rays (x, y, 1), given as (B, 2, H, W)."""
    return (axis[:, :2, None, None] * rays).sum(dim=1) + axis[:, 2, None, None]


def _least_slopes(evidence: Tensor, turn: Tensor, slope: Tensor) -> Tensor:
    """(B, _AZIMUTHS) slope at which the floor ends: that which most of the evidence agrees with; 0 where it does not.

    Three neighbouring azimuths are taken together.
    """
    azimuth = turn.long().clamp(0, _AZIMUTHS - 1)
    per_bin = (_LOG_SLOPE_MAX - _LOG_SLOPE_MIN) / _SLOPES
    rank = ((slope.clamp(min=1e-3).log() - _LOG_SLOPE_MIN) / per_bin).long().clamp(0, _SLOPES - 1)
    votes = evidence.new_zeros(len(evidence), _AZIMUTHS * _SLOPES)
    votes.scatter_add_(1, (azimuth * _SLOPES + rank).flatten(1), evidence.flatten(1))
    votes = votes.view(-1, _AZIMUTHS, _SLOPES)
    votes = votes + votes.roll(1, dims=1) + votes.roll(-1, dims=1)
    below = functional.pad(votes.cumsum(dim=2), (1, 0))  # of the slopes less than each bin's lower end
    end = (below[:, :, -1:] - 2 * below).argmax(dim=2)  # floor from there on, wall before
    return torch.where(end == 0, 0.0, (_LOG_SLOPE_MIN + per_bin * end).exp())


def _at(slopes: Tensor, turn: Tensor) -> Tensor:
    """(B, H, W) least slopes between those (B, _AZIMUTHS) of the azimuths on both sides; of one side if that is 0."""
    place = turn - 0.5
    left = place.floor()
    share = place - left
    first, second = (slopes.gather(1, ((left.long() + k) % _AZIMUTHS).flatten(1)).view_as(turn) for k in (0, 1))
    mixed = torch.lerp(first, second, share)
    return torch.where((first > 0) & (second > 0), mixed, torch.where(share < 0.5, first, second))
