"""Procedural surface patterns, evaluated per point in torch. All patterns return a mixing weight in 0..1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unity_depth_perception.synthetic.scene import Pattern


def mixing_weight(pattern: Tensor, u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    """Weight (N,) of a surface's second colour.

    Args:
        pattern: (N,) int64 values of `Pattern`.
        u, v: (N,) surface coordinates in periods.
        footprint: (N,) size of a pixel on the surface in periods; patterns finer than that fade to their mean.
        seed: (N,) int64.
    """
    weight = torch.zeros_like(u)
    for kind, function in _FUNCTIONS.items():
        index = (pattern == kind).nonzero().squeeze(1)
        if index.numel():
            weight[index] = function(u[index], v[index], footprint[index], seed[index])
    return weight


def value_noise(u: Tensor, v: Tensor, seed: Tensor) -> Tensor:
    """Smooth noise (N,) in 0..1 with features of about one unit: bilinear blend of hashed lattice values."""
    u0, v0 = u.floor(), v.floor()
    fu, fv = _smooth(u - u0), _smooth(v - v0)
    i, j = u0.to(torch.int64), v0.to(torch.int64)
    low = torch.lerp(_hash(i, j, seed), _hash(i + 1, j, seed), fu)
    high = torch.lerp(_hash(i, j + 1, seed), _hash(i + 1, j + 1, seed), fu)
    return torch.lerp(low, high, fv)


def _hash(i: Tensor, j: Tensor, seed: Tensor) -> Tensor:
    h = (i * 374761393 + j * 668265263 + seed * 2147483629) & 0x7FFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF).to(torch.float32) / 65535


def _smooth(x: Tensor) -> Tensor:
    return x * x * (3 - 2 * x)


def _square_wave(x: Tensor, footprint: Tensor) -> Tensor:
    """-1..1 square wave of period 2 whose edges are as wide as a pixel."""
    wave = torch.sin(math.pi * x) / (math.pi * footprint.clamp(min=0.02))
    return wave.clamp(-1, 1) * (1 - footprint).clamp(0, 1)


def _checker(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    return 0.5 + 0.5 * _square_wave(u, footprint) * _square_wave(v, footprint)


def _tiles(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    width = 0.03
    distance = torch.minimum((u - u.round()).abs(), (v - v.round()).abs())
    line = ((width - distance) / footprint.clamp(min=0.01) + 0.5).clamp(0, 1) * (2 * width / (footprint + 2 * width))
    return (line + 0.25 * _hash(u.round().to(torch.int64), v.round().to(torch.int64), seed) * (footprint < 1)).clamp(
        0, 1
    )


def _noise(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    fade = (1 - 2 * footprint).clamp(0, 1)
    fine = torch.lerp(torch.full_like(u, 0.5), value_noise(4 * u, 4 * v, seed + 1), (1 - 8 * footprint).clamp(0, 1))
    return 0.5 + (0.65 * value_noise(u, v, seed) + 0.35 * fine - 0.5) * fade


def _wood(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    plank = u.floor().to(torch.int64)
    shade = _hash(plank, torch.zeros_like(plank), seed) * (footprint < 1)
    grain = torch.lerp(torch.full_like(u, 0.5), value_noise(9 * u, 0.8 * v, seed), (1 - 6 * footprint).clamp(0, 1))
    seam = ((0.02 - (u - u.round()).abs()) / footprint.clamp(min=0.01) + 0.5).clamp(0, 1) * (0.04 / (footprint + 0.04))
    return (0.45 * shade + 0.45 * grain + 0.6 * seam).clamp(0, 1)


_FUNCTIONS = {Pattern.CHECKER: _checker, Pattern.TILES: _tiles, Pattern.NOISE: _noise, Pattern.WOOD: _wood}
