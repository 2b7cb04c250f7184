"""Procedural surface patterns, evaluated per point in torch; each returns a mixing weight in 0..1."""

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


def _bricks(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    """Running bond: bricks twice as long as high, every other row shifted by half a brick, joints between them."""
    row = (2 * v).floor()
    along = u + 0.5 * (row % 2)
    fade, joint = (1 - 2 * footprint).clamp(0, 1), torch.full_like(u, _JOINTS)
    ends, beds = _line(along - along.round(), footprint), _line(v - 0.5 * (2 * v).round(), footprint)
    joint = torch.lerp(joint, 1 - (1 - ends) * (1 - beds), fade)
    shade = torch.lerp(torch.full_like(u, 0.5), _hash(along.floor().to(torch.int64), row.to(torch.int64), seed), fade)
    return joint + (1 - joint) * 0.35 * shade


_JOINT = 0.05  # width in lengths of a brick
_JOINTS = 1 - (1 - _JOINT) * (1 - 2 * _JOINT)  # their share of the area


def _line(distance: Tensor, footprint: Tensor) -> Tensor:
    """Share (N,) of a pixel that is covered by a joint at this distance (N,) between their centres."""
    reach = footprint.clamp(min=0.01) / 2
    covered = (distance + reach).clamp(max=_JOINT / 2) - (distance - reach).clamp(min=-_JOINT / 2)
    return covered.clamp(min=0) / (2 * reach)


def _stripes(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    return 0.5 + 0.5 * _square_wave(2 * u, 2 * footprint)


def _marble(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    """Veins where the sine of a coordinate plus turbulence is 0 (Perlin, "An Image Synthesizer", SIGGRAPH 1985)."""
    turbulence = 2.4 * value_noise(u, v, seed) + 0.7 * value_noise(3.3 * u, 3.3 * v, seed + 1)
    vein = (1 - torch.sin(math.pi * (u + turbulence)).abs()) ** 3
    mean = 5 / 2 - 22 / (3 * math.pi)  # of (1 - |sin|) ** 3
    return torch.lerp(torch.full_like(u, mean), vein, (1 - 4 * footprint).clamp(0, 1))


def _terrazzo(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    """Round chips of many shades: large ones, and small ones on a turned grid."""
    large = _chips(3 * u, 3 * v, 3 * footprint, seed)
    small = _chips(5.6 * u + 4.2 * v, 5.6 * v - 4.2 * u, 7 * footprint, seed + 1)
    return 1 - (1 - large) * (1 - small)


def _chips(u: Tensor, v: Tensor, footprint: Tensor, seed: Tensor) -> Tensor:
    """One disc in each unit cell, of random place, radius 0.1 to 0.3, and shade."""
    i, j = u.floor().to(torch.int64), v.floor().to(torch.int64)
    across, down, size, shade = (_hash(i, j, seed + 10 * k) for k in range(4))
    radius = 0.1 + 0.2 * size
    distance = torch.hypot(u - i - 0.5 - 0.4 * (across - 0.5), v - j - 0.5 - 0.4 * (down - 0.5))
    chip = ((radius - distance) / footprint.clamp(min=0.01) + 0.5).clamp(0, 1) * shade
    mean = math.pi * 0.13 / 3 * 0.5  # disc of the mean squared radius, 0.13 / 3, times the mean shade
    return torch.lerp(torch.full_like(u, mean), chip, (1 - footprint).clamp(0, 1))


_FUNCTIONS = {
    Pattern.CHECKER: _checker,
    Pattern.TILES: _tiles,
    Pattern.NOISE: _noise,
    Pattern.WOOD: _wood,
    Pattern.BRICKS: _bricks,
    Pattern.STRIPES: _stripes,
    Pattern.MARBLE: _marble,
    Pattern.TERRAZZO: _terrazzo,
}
