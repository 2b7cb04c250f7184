"""Random open worlds: ground that ends at the horizon or at an edge, under a sky, as in a new Unity scene."""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.synthetic.object_placement import linear_rgb
from unity_depth_perception.synthetic.scene import (
    CUBE_EDGE_M,
    Lighting,
    Pattern,
    Scene,
    Sensor,
    Sky,
    SkyKind,
    Surface,
)

Vector = NDArray[np.float64]

_FAR_CLIP_M = 1000.0  # Unity's default
_HORIZON_M = 2.0 * _FAR_CLIP_M  # half width of a plane whose end no camera sees
_SUN_ELEVATION_DEG = 50.0  # of the directional light in a new Unity scene
_SKYBOX = ((0.29, 0.45, 0.68), (0.73, 0.79, 0.85), (0.37, 0.35, 0.34))  # zenith, horizon, below, sRGB; Unity's default
_CAMERA_BLUE = (49 / 255, 77 / 255, 121 / 255)  # Unity's default background of "Solid Color"
_GREYS = (0.45, 0.9)  # sRGB of Unity's default material, by light and colour space
_HAZE_M = (3.0, 60.0)  # distance at which fog hides two thirds of a surface


def under_sky(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene without its walls: ground at the height of the room's floor, a sky and light from it."""
    sky = _random_sky(rng)
    return replace(
        scene,
        room=_ground(rng, scene),
        floor=_random_ground_surface(rng),
        lighting=_daylight(rng, scene.lighting, sky),
        sky=sky,
    )


def plain_look(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene as a game engine shows it, at a probability of one half: no grain, gloss, lens or sensor."""
    if rng.random() < 0.5:
        return scene
    return replace(scene, grain=0.0, gloss=0.0, sensor=Sensor(scene.sensor.exposure, 0.0, 0.0, 0.0))


def _ground(rng: np.random.Generator, scene: Scene) -> Vector:
    """Draw the rectangle of the ground (2, 3), around everything that stands on it."""
    lower, upper = np.full(2, -_HORIZON_M), np.full(2, _HORIZON_M)
    if rng.random() < 0.6:
        half = CUBE_EDGE_M * math.exp(rng.uniform(math.log(5), math.log(150))) * np.ones(2)
        if rng.random() < 0.3:
            half[rng.integers(2)] *= rng.uniform(0.3, 1.0)
        reach = [np.linalg.norm(box.size_m) / 2 for box in scene.solids]
        center = rng.uniform(-0.6, 0.6, 2) * half
        lower = np.min([center - half, *(b.center_m[:2] - r for b, r in zip(scene.solids, reach, strict=True))], axis=0)
        upper = np.max([center + half, *(b.center_m[:2] + r for b, r in zip(scene.solids, reach, strict=True))], axis=0)
    floor_m = scene.room[0, 2]
    return np.array([[*lower, floor_m], [*upper, floor_m + _HORIZON_M]])


def _random_ground_surface(rng: np.random.Generator) -> Surface:
    """Draw what the ground looks like: the default material, a grid, tiles, grass, asphalt, earth or planks."""
    look = rng.choice(6, p=[0.4, 0.17, 0.13, 0.12, 0.1, 0.08])
    period_m = math.exp(rng.uniform(math.log(0.04), math.log(1.5)))
    grey = float(rng.uniform(*_GREYS))
    if look == 0:
        pattern, first, second = Pattern.PLAIN, _near_grey(rng, grey), _near_grey(rng, grey)
    elif look == 1:
        pattern = Pattern(int(rng.choice([Pattern.CHECKER, Pattern.TILES])))
        first, second = _near_grey(rng, grey), _near_grey(rng, float(rng.uniform(0.15, 0.95)))
    elif look == 2:
        pattern = Pattern(int(rng.choice([Pattern.TILES, Pattern.BRICKS, Pattern.TERRAZZO, Pattern.MARBLE])))
        first, second = _muted(rng, grey), _muted(rng, grey * rng.uniform(0.5, 0.9))
    elif look == 3:
        hue, period_m = rng.uniform(0.2, 0.34), math.exp(rng.uniform(math.log(0.008), math.log(0.15)))
        pattern = Pattern.NOISE
        first = colorsys.hsv_to_rgb(hue, rng.uniform(0.4, 0.8), rng.uniform(0.25, 0.5))
        second = colorsys.hsv_to_rgb(hue + rng.normal(0, 0.02), rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.75))
    elif look == 4:
        pattern, period_m = Pattern.NOISE, math.exp(rng.uniform(math.log(0.004), math.log(0.05)))
        dark = float(rng.uniform(0.15, 0.4))
        first, second = _near_grey(rng, dark), _near_grey(rng, dark + rng.uniform(0.05, 0.25))
    else:
        pattern = Pattern(int(rng.choice([Pattern.NOISE, Pattern.WOOD, Pattern.STRIPES])))
        hue, value = rng.uniform(0.05, 0.12), rng.uniform(0.35, 0.75)
        first = colorsys.hsv_to_rgb(hue, rng.uniform(0.2, 0.55), value)
        second = colorsys.hsv_to_rgb(hue, rng.uniform(0.2, 0.55), value * rng.uniform(0.6, 0.95))
    return Surface(pattern, linear_rgb(first), linear_rgb(second), period_m, float(rng.uniform(0, math.pi)))


def _near_grey(rng: np.random.Generator, value: float) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.06), min(value, 1.0))


def _muted(rng: np.random.Generator, value: float) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.45), min(value, 1.0))


def _random_sky(rng: np.random.Generator) -> Sky:
    kind = SkyKind(int(rng.choice(4, p=[0.45, 0.25, 0.18, 0.12])))
    zenith, horizon, below = (np.array(color) for color in _SKYBOX)
    if kind is SkyKind.PLAIN:
        zenith = np.array(_CAMERA_BLUE) if rng.random() < 0.45 else np.array(_muted(rng, float(rng.uniform(0, 1.05))))
        horizon, below = zenith, zenith
    elif kind is SkyKind.OVERCAST:
        zenith = np.full(3, rng.uniform(0.5, 0.85)) * rng.uniform([0.96, 0.98, 1.0], [1.0, 1.0, 1.06])
        horizon = np.minimum(zenith * rng.uniform(0.95, 1.2), 1.0)
    elif rng.random() < 0.6:  # another time of day or another skybox
        zenith = np.clip(zenith * rng.uniform(0.45, 1.25) + rng.normal(0, 0.04, 3), 0.02, 1)
        warmth = rng.uniform(-0.1, 0.25) if rng.random() < 0.4 else 0.0
        horizon = np.clip(horizon * rng.uniform(0.6, 1.15) + warmth * np.array([1, 0.2, -1]), 0.05, 1)
    if kind is not SkyKind.PLAIN:
        below = np.clip(below * rng.uniform(0.6, 1.5) + rng.normal(0, 0.03, 3), 0.03, 1)
        if rng.random() < 0.2:
            below = horizon * rng.uniform(0.6, 1.0)
    zenith, horizon, below = (linear_rgb((float(r), float(g), float(b))) for r, g, b in (zenith, horizon, below))
    haze_m = math.exp(rng.uniform(*np.log(_HAZE_M)))
    return Sky(
        kind,
        zenith,
        horizon,
        below,
        cover=float(rng.uniform(0.15, 0.95)),
        hills=float(rng.uniform(0.02, 0.12)) if kind is SkyKind.CLOUDS and rng.random() < 0.4 else 0.0,
        sun_size=float(rng.uniform(0.02, 0.06)) if rng.random() < 0.8 else 0.0,
        far_m=_FAR_CLIP_M * (float(rng.uniform(0.05, 0.5)) if rng.random() < 0.25 else 1.0),
        fog_per_m=1 / haze_m if rng.random() < 0.3 else 0.0,
    )


def _daylight(rng: np.random.Generator, lighting: Lighting, sky: Sky) -> Lighting:
    """Light of a sun, often at the elevation of a new Unity scene's, and ambient light in the sky's colour."""
    degrees = _SUN_ELEVATION_DEG if rng.random() < 0.35 else rng.uniform(14, 80)
    elevation, azimuth = math.radians(degrees), rng.uniform(0, 2 * math.pi)
    level = math.cos(elevation)
    to_sun = np.array([math.cos(azimuth) * level, math.sin(azimuth) * level, math.sin(elevation)])
    color = 0.6 * sky.zenith + 0.4 * sky.horizon
    tint = 0.5 + 0.5 * color / max(float(color.mean()), 1e-3)
    brightness = float(rng.uniform(0.22, 0.5))
    return replace(
        lighting,
        to_sun=to_sun,
        sun=np.array([1.0, 0.96, 0.87]) * rng.uniform(0.5, 0.95) if rng.random() < 0.7 else lighting.sun,
        fill=np.zeros(3) if rng.random() < 0.7 else lighting.fill,
        ambient=brightness * tint,
    )
