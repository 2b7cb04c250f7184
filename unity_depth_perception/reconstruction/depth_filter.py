"""Rejection of flying pixels: depth between two surfaces, which would blur a fused cloud."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.ops.validity import is_valid

EDGE_RATIO = 0.03
"""Least relative bend of inverse depth at a pixel that counts as a depth edge."""


def reject_edges(depth_m: Tensor, ratio: float = EDGE_RATIO) -> Tensor:
    """Depth (H, W) with NaN at depth edges, where networks and resizing put flying pixels between two surfaces.

    Inverse depth of a plane is linear over the image, however slanted the plane is; so a pixel lies at an edge if the
    second difference of inverse depth along its row or column exceeds `ratio` of its inverse depth. That drops the
    pixels on both sides of a step, and all of a ramp that bends.
    """
    inverse = torch.where(is_valid(depth_m), 1 / depth_m, math.nan)
    padded = functional.pad(inverse[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    along_row = padded[1:-1, :-2] - 2 * inverse + padded[1:-1, 2:]
    along_column = padded[:-2, 1:-1] - 2 * inverse + padded[2:, 1:-1]
    bend = torch.maximum(_finite(along_row).abs(), _finite(along_column).abs())
    return torch.where(bend > ratio * inverse, math.nan, depth_m)


def _finite(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=0.0)
