"""Rendering of scenes: shading, shadows, anti-aliasing and the sensor model, batched in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.synthetic.raycast import Geometry, Hits, cast_rays, in_sun, pack_geometry, rotate, take
from unity_depth_perception.synthetic.scene import PLAIN_PAINT, Pattern, Scene
from unity_depth_perception.synthetic.sensor import apply_sensor
from unity_depth_perception.synthetic.texture import mixing_weight, value_noise
from unity_depth_perception.synthetic.worlds.sky_color import Skies, add_sky, pack_skies

_SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))  # rotated grid
_LEAST_SLANT, _LEAST_SLANT_OUTDOORS = 0.05, 1e-3  # sine of the angle between ray and surface, in rooms and under a sky
_CHUNK = 1 << 17  # rays at a time: bounds memory, and keeps a CPU's working set small


@dataclass(frozen=True)
class Rendering:
    """B images with exact ground truth.

    Attributes:
        image: (B, H, W, 3) uint8 sRGB.
        depth_m: (B, H, W) float32 planar depth at the pixel centres; +Inf for sky.
        boxes: (B, H, W) int16 index in `Scene.boxes` of the box at the pixel centre, -1 for everything else.
        is_other_solid: (B, H, W) bool, clutter or furniture at the pixel centre.
    """

    image: Tensor
    depth_m: Tensor
    boxes: Tensor
    is_other_solid: Tensor


@dataclass(frozen=True)
class _Material:
    """Colours, materials and lights of B scenes on a device; scenes in the last dimension, as in `Geometry`."""

    box_color: Tensor  # (3, B * M)
    box_pattern: Tensor  # (B * M,) int64
    box_paint: Tensor  # (2, B * M) contrast, period
    surface_color: Tensor  # (6, B * 2) color_a, color_b of floor and walls
    pattern: Tensor  # (B * 2,) int64
    period: Tensor  # (B * 2,)
    angle: Tensor  # (B * 2,)
    sun: Tensor  # (3, B)
    to_fill: Tensor
    fill: Tensor
    ambient: Tensor
    grain: Tensor  # (B,)
    gloss: Tensor
    seed: Tensor  # (B,) int64
    skies: Skies


def render(scenes: Sequence[Scene], device: torch.device | str = "cpu") -> Rendering:
    """Render scenes of one image size.

    Raises:
        InputError: no scene, or scenes of different sizes.
    """
    sizes = {(scene.camera.width, scene.camera.height) for scene in scenes}
    if len(sizes) != 1:
        raise InputError(f"expected one or more scenes of one image size, got sizes {sorted(sizes)}")
    ((width, height),) = sizes
    device = torch.device(device)
    geometry, material = pack_geometry(scenes, device), _pack_material(scenes, device)
    count = len(scenes) * height * width
    color = torch.empty((3, count), device=device)
    depth = torch.empty(count, device=device)
    box = torch.empty(count, dtype=torch.int64, device=device)
    facing = torch.empty(count, dtype=torch.int64, device=device)
    for start in range(0, count, _CHUNK):
        pixel = torch.arange(start, min(start + _CHUNK, count), device=device)
        part = slice(start, start + len(pixel))
        color[:, part], hits, lit = _shoot(geometry, material, pixel, width, height, (0.0, 0.0))
        depth[part], box[part] = hits.depth_m, hits.box
        facing[part] = _face_label(hits, lit)
    shape = (len(scenes), height, width)
    edges = _edges(facing.view(shape)).view(-1).nonzero().squeeze(1)
    for start in range(0, len(edges), _CHUNK):
        pixel = edges[start : start + _CHUNK]
        rays = [_shoot(geometry, material, pixel, width, height, offset)[0] for offset in _SUBPIXELS]
        color[:, pixel] = torch.stack([ray.clamp(0, 1.2) for ray in rays]).mean(dim=0)
    image = apply_sensor(color.view(3, *shape).transpose(0, 1), scenes)
    objects = torch.tensor([len(scene.boxes) for scene in scenes], device=device)[:, None, None]
    is_object = box.view(shape) < objects
    boxes = torch.where(is_object, box.view(shape), -1)
    return Rendering(image, depth.view(shape), boxes.to(torch.int16), ~is_object)


def _shoot(
    geometry: Geometry, material: _Material, pixel: Tensor, width: int, height: int, offset: tuple[float, float]
) -> tuple[Tensor, Hits, Tensor]:
    """Linear colour (3, N), hits and sunlit flags (N,) of the rays through flat pixel indices (N,)."""
    b = pixel // (width * height)
    u = (pixel % width).to(torch.float32) + offset[0]
    v = (pixel // width % height).to(torch.float32) + offset[1]
    hits = cast_rays(geometry, b, u, v)
    facing_sun = (hits.normal * take(geometry.to_sun, b)).sum(dim=0).clamp(min=0)
    lit = in_sun(geometry, b, u, v, hits) & (facing_sun > 0)
    return _shade(geometry, material, b, hits, facing_sun * lit), hits, lit


def _shade(geometry: Geometry, material: _Material, b: Tensor, hits: Hits, sunlight: Tensor) -> Tensor:
    """Lambert's law under sun, fill light and sky-weighted ambient light, with a Blinn-Phong highlight on boxes."""
    direction = _unit(hits.point - take(geometry.eye, b))
    least = torch.where(geometry.far > 0, _LEAST_SLANT_OUTDOORS, _LEAST_SLANT).index_select(0, b)
    slant = (hits.normal * direction).sum(dim=0).abs().maximum(least)
    footprint_m = hits.depth_m / geometry.intrinsics[0].index_select(0, b) / slant
    albedo = _room_albedo(material, b, hits, footprint_m)
    boxed = (hits.box >= 0).nonzero().squeeze(1)
    scene, normal, point = b[boxed], take(hits.normal, boxed), take(hits.point, boxed)
    albedo[:, boxed] = _box_albedo(geometry, material, scene, hits.box[boxed], point, footprint_m[boxed])
    fill = (hits.normal * take(material.to_fill, b)).sum(dim=0).clamp(min=0)
    sky = 0.75 + 0.25 * hits.normal[2]
    color = albedo * (
        take(material.ambient, b) * sky + take(material.fill, b) * fill + take(material.sun, b) * sunlight
    )
    to_eye = _unit(take(geometry.eye, scene) - point)
    halfway = _unit(to_eye + take(geometry.to_sun, scene))
    highlight = (normal * halfway).sum(dim=0).clamp(min=0) ** 40 * material.gloss[scene] * (sunlight[boxed] > 0)
    color[:, boxed] += highlight * take(material.sun, scene)
    return add_sky(material.skies, b, hits.depth_m, direction, color)


def _room_albedo(material: _Material, b: Tensor, hits: Hits, footprint_m: Tensor) -> Tensor:
    on_wall = hits.normal[2].abs() < 0.5
    surface = 2 * b + on_wall
    x, y, z = hits.point
    across = torch.where(hits.normal[0].abs() > 0.5, y, x)
    period, angle = material.period.index_select(0, surface), material.angle.index_select(0, surface) * ~on_wall
    first, second = torch.where(on_wall, across, x) / period, torch.where(on_wall, z, y) / period
    cos, sin = angle.cos(), angle.sin()
    weight = mixing_weight(
        material.pattern.index_select(0, surface),
        cos * first - sin * second,
        sin * first + cos * second,
        footprint_m / period,
        material.seed.index_select(0, b) + on_wall,
    )
    colors = take(material.surface_color, surface)
    return torch.lerp(colors[:3], colors[3:], weight)


def _box_albedo(
    geometry: Geometry, material: _Material, b: Tensor, box: Tensor, point: Tensor, footprint_m: Tensor
) -> Tensor:
    slot = b * geometry.most + box
    offset, seed = point - take(geometry.center, slot), material.seed.index_select(0, b) + 2 + box
    x, y, z = offset
    noise = value_noise((x + 0.7 * z) * 120, (y - 0.7 * z) * 120, seed)
    albedo = take(material.box_color, slot) * (1 + material.grain.index_select(0, b) * (noise - 0.5))
    index = (material.box_pattern.index_select(0, slot) != Pattern.PLAIN).nonzero().squeeze(1)
    if index.numel():
        albedo[:, index] *= _painted(geometry, material, slot[index], offset[:, index], footprint_m[index], seed[index])
    return albedo


def _painted(
    geometry: Geometry, material: _Material, slot: Tensor, offset: Tensor, footprint_m: Tensor, seed: Tensor
) -> Tensor:
    """Reflected share (N,) of the light after paint, at offsets (3, N) [m] from the centres of the boxes."""
    local = rotate(take(geometry.box_from_world, slot), offset)
    face = (local.abs() / take(geometry.half, slot)).argmax(dim=0)  # the axis that it is normal to
    contrast, period = take(material.box_paint, slot)
    first, second = torch.where(face == 0, local[1], local[0]), torch.where(face == 2, local[1], local[2])
    pattern = material.box_pattern.index_select(0, slot)
    weight = mixing_weight(pattern, first / period, second / period, footprint_m / period, seed + face)
    left: Tensor = 1 - contrast * weight
    return left


def _face_label(hits: Hits, lit: Tensor) -> Tensor:
    """Labels (N,) int64: equal for hits on one face of one box under the same light, else (nearly always) different."""
    x, y, z = hits.normal
    face: Tensor = (x * 1000 + y * 3000 + z * 7000).to(torch.int64)
    return torch.where(hits.depth_m.isinf(), _SKY_LABEL, hits.box * 100_000 + face * 2 + lit)


_SKY_LABEL = -1_000_000


def _unit(vector: Tensor) -> Tensor:
    """Unit vectors of (3, N); functional.normalize takes ten times as long along the first dimension."""
    unit: Tensor = vector * (vector * vector).sum(dim=0).rsqrt()
    return unit


def _edges(label: Tensor) -> Tensor:
    """(B, H, W) bool: pixels whose face label differs from a neighbour's, which need several samples."""
    edge = torch.zeros_like(label, dtype=torch.bool)
    vertical, horizontal = label[:, 1:] != label[:, :-1], label[:, :, 1:] != label[:, :, :-1]
    edge[:, 1:] |= vertical
    edge[:, :-1] |= vertical
    edge[:, :, 1:] |= horizontal
    edge[:, :, :-1] |= horizontal
    return edge


def _pack_material(scenes: Sequence[Scene], device: torch.device) -> _Material:
    most = max(len(scene.solids) for scene in scenes)
    box_color, paint = np.zeros((len(scenes), most, 3)), np.full((len(scenes), most), PLAIN_PAINT)
    for b, scene in enumerate(scenes):
        for m, box in enumerate(scene.solids):
            box_color[b, m], paint[b, m] = box.color, box.paint

    def tensor(values: object, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device)

    surfaces = [surface for scene in scenes for surface in (scene.floor, scene.walls)]
    lighting = [scene.lighting for scene in scenes]
    return _Material(
        box_color=tensor(box_color.reshape(-1, 3).T),
        box_pattern=tensor([int(each.pattern) for each in paint.flat], torch.int64),
        box_paint=tensor(np.array([(each.contrast, each.period_m) for each in paint.flat]).T),
        surface_color=tensor(np.stack([np.concatenate([s.color_a, s.color_b]) for s in surfaces]).T),
        pattern=tensor([int(surface.pattern) for surface in surfaces], torch.int64),
        period=tensor([surface.period_m for surface in surfaces]),
        angle=tensor([surface.angle_rad for surface in surfaces]),
        sun=tensor(np.stack([light.sun for light in lighting]).T),
        to_fill=tensor(np.stack([light.to_fill for light in lighting]).T),
        fill=tensor(np.stack([light.fill for light in lighting]).T),
        ambient=tensor(np.stack([light.ambient for light in lighting]).T),
        grain=tensor([scene.grain for scene in scenes]),
        gloss=tensor([scene.gloss for scene in scenes]),
        seed=tensor([scene.seed % (1 << 31) for scene in scenes], torch.int64),
        skies=pack_skies(scenes, device),
    )
