"""Random materials, paint and lighting of a scene."""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.synthetic.object_placement import linear_rgb
from unity_depth_perception.synthetic.scene import Box, Lighting, Paint, Pattern, Surface
from unity_depth_perception.synthetic.variety import Variety

Vector = NDArray[np.float64]

_PAINTED = (Pattern.NOISE, Pattern.WOOD, Pattern.STRIPES, Pattern.MARBLE, Pattern.TERRAZZO)


def random_surface(rng: np.random.Generator, variety: Variety, is_floor: bool) -> Surface:
    """Draw a material for the floor or the walls."""
    probabilities = [0.2, 0.15, 0.2, 0.25, 0.2] if is_floor else [0.5, 0.05, 0.1, 0.3, 0.05]
    pattern = Pattern(int(rng.choice(len(probabilities), p=probabilities)))
    if variety.new_pattern_probability and rng.random() < variety.new_pattern_probability:
        pattern = Pattern(int(rng.integers(Pattern.BRICKS, len(Pattern))))
    hue, saturation, value = rng.random(), rng.beta(1.2, 4) * 0.7, rng.uniform(0.3, 0.95)
    if pattern is Pattern.WOOD:
        hue, saturation, value = rng.uniform(0.05, 0.1), rng.uniform(0.25, 0.55), rng.uniform(0.3, 0.7)
    if variety.vivid_probability and rng.random() < variety.vivid_probability:
        hue, saturation = rng.random(), rng.uniform(0.4, 0.95)
    strong = pattern is Pattern.CHECKER or pattern >= Pattern.BRICKS
    contrast = rng.uniform(0.1, 0.6) if strong else rng.uniform(0.08, 0.4)
    other = float(np.clip(value * (1 - contrast) if rng.random() < 0.7 else value * (1 + contrast), 0.05, 1))
    return Surface(
        pattern,
        linear_rgb(colorsys.hsv_to_rgb(hue, saturation, value)),
        linear_rgb(colorsys.hsv_to_rgb((hue + rng.normal(0, 0.03)) % 1, saturation, other)),
        period_m=math.exp(rng.uniform(math.log(0.03), math.log(0.5))),
        angle_rad=float(rng.uniform(0, math.pi)),
    )


def random_lighting(rng: np.random.Generator, variety: Variety) -> Lighting:
    """Draw sun, fill and ambient light."""
    elevation, azimuth = math.radians(rng.uniform(30, 80)), rng.uniform(0, 2 * math.pi)
    sun = np.array(
        [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    turn = azimuth + rng.uniform(1.5, 4.8)
    fill = np.array([math.cos(turn) * 0.8, math.sin(turn) * 0.8, 0.6])
    warmth = rng.normal(0, variety.warmth_std)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    lighting = Lighting(
        to_sun=sun,
        sun=tint * rng.uniform(0.45, 1.0),
        to_fill=fill,
        fill=np.full(3, rng.uniform(0.0, 0.3)),
        ambient=rng.uniform(*variety.ambient_range) / tint,
    )
    return _tinted(rng, lighting, variety.max_tint) if variety.max_tint else lighting


def _tinted(rng: np.random.Generator, lighting: Lighting, max_saturation: float) -> Lighting:
    """The same lights, each with a random tint; the mean over the channels stays."""

    def tint() -> Vector:
        color = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, max_saturation), 1.0))
        return np.asarray(color / color.mean(), dtype=np.float64)

    return replace(lighting, sun=lighting.sun * tint(), fill=lighting.fill * tint(), ambient=lighting.ambient * tint())


def paint_box(rng: np.random.Generator, box: Box, variety: Variety) -> Box:
    """The box, with a pattern on it at probability `variety.painted_probability`."""
    if not (variety.painted_probability and rng.random() < variety.painted_probability):
        return box
    pattern = _PAINTED[rng.integers(len(_PAINTED))]
    period_m = math.exp(rng.uniform(math.log(0.006), math.log(0.05)))
    return replace(box, paint=Paint(pattern, contrast=float(rng.uniform(0.1, 0.45)), period_m=period_m))
