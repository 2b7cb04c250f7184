"""Metric scale of the dense depth, from what the objects in it say of their own distance.

The dense network predicts depth up to one factor, in units of the camera's height. Each object that is found gives two
readings of the factor: the depth that the cube scale sees in its crop, over the dense depth in its mask, and the height
of the camera above its foot. The first bears an error of the dense depth there, the second one of the direction of
gravity, and an object votes with their mean. The votes differ in their expected error, and some are altogether wrong:
the end face of a bar looks like a cube. So the largest group whose members agree wins, and its weighted mean is the
scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.compact.cube_scale import CubeEstimates
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates

_AGREEMENT = 0.2  # largest difference of two log scales that support each other
_VOTE_EXPONENT = 2.0  # votes are inverse variances
_ERROR_EXPONENT = 4.0  # within the winning group: more than 2, as errors of poor estimates do not average out


def vote(log_scale: Tensor, log_sigma: Tensor) -> Tensor:
    """Log scale () of the largest group of agreeing estimates.

    Args:
        log_scale: (N,) estimates, N > 0.
        log_sigma: (N,) natural log of their expected errors.
    """
    agree = (log_scale[:, None] - log_scale).abs() < _AGREEMENT
    support = agree.to(log_scale.dtype) @ (-_VOTE_EXPONENT * (log_sigma - log_sigma.min())).exp()
    group = agree.index_select(0, support.argmax()[None])[0]  # an index that is a number would be downloaded
    weight = functional.softmax(torch.where(group, -_ERROR_EXPONENT * log_sigma, -torch.inf), dim=0)
    return (weight * log_scale).sum()


def scale_by_vote(own: GroundPlaneEstimates, estimates: CubeEstimates, seen: Tensor) -> Tensor:
    """Log scale () of one image by the votes of its N objects and of the dense network.

    Args:
        own: (1,) the dense network's ground plane, whose height is the unit of its depth.
        estimates: of the objects, in which the dense network sees the log depth `seen` (N,).
    """
    return vote(
        torch.cat([own.log_height, readings(estimates, seen)]), torch.cat([own.log_sigma, estimates.floor.log_sigma])
    )


def readings(estimates: CubeEstimates, seen: Tensor) -> Tensor:
    """Log scale (N,) by each of N objects, in which the dense network sees the log depth `seen` (N,)."""
    return (estimates.log_depth - seen + estimates.floor.log_height) / 2


def log_depth_in_masks(log_depth: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
    """Median log depth (N,) in the masks of N objects.

    Args:
        log_depth: (H, W).
        boxes: (N, 4) x_min, y_min, x_max, y_max of the masks, relative to the image's width and height.
        masks: (N, M, M) soft masks 0..1, each stretched over its box.
    """
    side = masks.shape[2]
    place = (torch.arange(side, device=masks.device) + 0.5) / side
    x, y = (boxes[:, k, None] + place * (boxes[:, k + 2, None] - boxes[:, k, None]) for k in (0, 1))  # (N, M)
    shape = (len(boxes), side, side)
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=3) * 2 - 1
    image = log_depth.expand(len(boxes), 1, *log_depth.shape)
    values = functional.grid_sample(image, grid, padding_mode="border", align_corners=False).flatten(1)
    inside = masks.flatten(1) > 0.5
    inside = inside | ~inside.any(dim=1, keepdim=True)  # of an empty mask, all of its box
    return torch.where(inside, values, torch.nan).nanmedian(dim=1).values
