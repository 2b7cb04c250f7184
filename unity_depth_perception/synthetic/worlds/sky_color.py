"""Colour of skies and fog, per ray in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.synthetic.scene import Scene, Sky, SkyKind
from unity_depth_perception.synthetic.texture import value_noise

_CLOSED = Sky(SkyKind.PLAIN, np.zeros(3), np.zeros(3), np.zeros(3))  # of rooms: no ray sees it, and it has no fog
_HORIZON_BAND = 14.0  # how fast the haze at the horizon thins out, per sine of the elevation
_BELOW_WIDTH = 0.02  # sine of the angle in which the horizon fades into the colour below it


@dataclass(frozen=True)
class Skies:
    """Skies of B scenes on a device; scenes in the last dimension.

    Attributes:
        kind: (B,) int64 of `SkyKind`.
        color: (9, B) zenith, horizon, below.
        shape: (4, B) cover, hills, sun_size, fog_per_m.
        sun: (6, B) unit vector to the sun and its colour.
        seed: (B,) int64.
        any_open: whether a scene has a sky.
    """

    kind: Tensor
    color: Tensor
    shape: Tensor
    sun: Tensor
    seed: Tensor
    any_open: bool


def pack_skies(scenes: Sequence[Scene], device: torch.device) -> Skies:
    """Pack the skies of scenes into tensors on a device."""
    skies = [scene.sky or _CLOSED for scene in scenes]

    def tensor(rows: object) -> Tensor:
        return torch.as_tensor(np.array(rows, dtype=np.float64).T, device=device, dtype=torch.float32)

    return Skies(
        kind=torch.tensor([int(sky.kind) for sky in skies], device=device),
        color=tensor([np.concatenate([sky.zenith, sky.horizon, sky.below]) for sky in skies]),
        shape=tensor([(sky.cover, sky.hills, sky.sun_size, sky.fog_per_m) for sky in skies]),
        sun=tensor([np.concatenate([scene.lighting.to_sun, scene.lighting.sun]) for scene in scenes]),
        seed=torch.tensor([scene.seed % (1 << 31) for scene in scenes], device=device),
        any_open=any(scene.sky is not None for scene in scenes),
    )


def add_sky(skies: Skies, b: Tensor, depth_m: Tensor, direction: Tensor, color: Tensor) -> Tensor:
    """Colours (3, N) of rays in unit directions (3, N) of scenes b (N,), with fog before surfaces and sky beyond them.

    Args:
        depth_m: (N,) planar depth; +Inf for sky.
        color: (3, N) linear colour of the surfaces.
    """
    if not skies.any_open:
        return color
    through = skies.shape[3].index_select(0, b) * depth_m
    fog = 1 - torch.exp(-(through.nan_to_num(0.0, posinf=0.0) ** 2))
    color = torch.lerp(color, skies.color[3:6].index_select(1, b), fog)
    beyond = depth_m.isinf().nonzero().squeeze(1)
    if len(beyond):
        color[:, beyond] = sky_color(skies, b[beyond], direction[:, beyond])
    return color


def sky_color(skies: Skies, b: Tensor, direction: Tensor) -> Tensor:
    """Linear colour (3, N) of the skies of scenes b (N,) in unit directions (3, N), z up."""
    colors = skies.color.index_select(1, b)
    zenith, horizon, below = colors[:3], colors[3:6], colors[6:]
    color = torch.lerp(horizon, zenith, direction[2].clamp(0, 1) ** 0.5)
    kind = skies.kind.index_select(0, b)
    for one, function in ((SkyKind.PROCEDURAL, _procedural), (SkyKind.CLOUDS, _clouds), (SkyKind.OVERCAST, _overcast)):
        index = (kind == one).nonzero().squeeze(1)
        if len(index):
            color[:, index] = function(skies, b[index], direction[:, index], color[:, index])
    sunk = (-direction[2] / _BELOW_WIDTH).clamp(0, 1)
    color = torch.lerp(color, below, sunk * sunk * (3 - 2 * sunk))
    hidden = _hill(skies, b, direction)
    color = torch.lerp(color, 0.75 * below + 0.25 * horizon, hidden)
    return torch.where(kind == SkyKind.PLAIN, zenith, color)


def _procedural(skies: Skies, b: Tensor, direction: Tensor, color: Tensor) -> Tensor:
    """Gradient with a bright band at the horizon, and a sun with a halo."""
    band = torch.exp(-_HORIZON_BAND * direction[2].clamp(min=0))
    color = torch.lerp(color, (1.12 * color).clamp(max=1.0), band)
    size, sun = skies.shape[2].index_select(0, b), skies.sun.index_select(1, b)
    cosine = (direction * sun[:3]).sum(dim=0).clamp(-1, 1)
    off = (1 - cosine * cosine).clamp(min=0).sqrt() + 2 * (cosine < 0)  # sine of the angle to the sun
    disc = ((1.3 * size - off) / (0.6 * size + 1e-6)).clamp(0, 1) * (size > 0)
    halo = 0.35 * torch.exp(-off / (4 * size + 1e-6))
    return color + (disc + halo) * sun[3:]


def _clouds(skies: Skies, b: Tensor, direction: Tensor, color: Tensor) -> Tensor:
    """White clouds with grey bases on a plane overhead, which thin out towards the horizon."""
    seed, cover = skies.seed.index_select(0, b), skies.shape[0].index_select(0, b)
    height = direction[2].clamp(min=0) + 0.12
    u, v = 1.3 * direction[0] / height, 1.3 * direction[1] / height
    dense = _fractal_noise(u, v, seed, fade=0.25 / height)
    amount = ((dense - (0.78 - 0.5 * cover)) / 0.16).clamp(0, 1)
    amount = amount * amount * (3 - 2 * amount) * (direction[2] / 0.10).clamp(0, 1)
    shade = (1.02 - 0.75 * (dense - (0.78 - 0.5 * cover)).clamp(min=0)).clamp(0.55, 1)
    return torch.lerp(color, shade.expand(3, -1), 0.95 * amount)


def _overcast(skies: Skies, b: Tensor, direction: Tensor, color: Tensor) -> Tensor:
    """Grey layers of little contrast."""
    seed, cover = skies.seed.index_select(0, b), skies.shape[0].index_select(0, b)
    height = direction[2].clamp(min=0) + 0.18
    layers = _fractal_noise(0.9 * direction[0] / height, 0.9 * direction[1] / height, seed, fade=0.25 / height)
    return color * (1 + (0.25 + 0.5 * cover) * (layers - 0.5))


def _fractal_noise(u: Tensor, v: Tensor, seed: Tensor, fade: Tensor) -> Tensor:
    """Sum (N,) of five octaves of noise about 0.5; `fade` (N,) damps the finer ones, far away at the horizon."""
    total, weight = torch.zeros_like(u), torch.ones_like(u)
    for octave in range(5):
        turned_u, turned_v = 0.8 * u - 0.6 * v, 0.6 * u + 0.8 * v  # else the lattices show
        total = total + 0.5 * weight * (value_noise(turned_u, turned_v, seed + octave) - 0.5)
        u, v, weight = 2.03 * turned_u, 2.03 * turned_v, weight * (0.62 - 0.12 * fade.clamp(0, 1))
    return 0.5 + total


def _hill(skies: Skies, b: Tensor, direction: Tensor) -> Tensor:
    """Share (N,) of the ray that hills cover, as they stand at the horizon of a photographed sky."""
    hills, seed = skies.shape[1].index_select(0, b), skies.seed.index_select(0, b)
    u, v = 4 * direction[:2] * direction[:2].square().sum(dim=0).clamp(min=1e-12).rsqrt()  # around the horizon
    crest = 0.7 * value_noise(u, v, seed + 11) + 0.3 * value_noise(4 * u, 4 * v, seed + 12)
    return ((hills * crest - direction[2]) / 0.004).clamp(0, 1) * (hills > 0)
