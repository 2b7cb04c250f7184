"""What a virtual scene consists of. World: metres, z up, floor at z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera

CUBE_EDGE_M = 0.07
"""Edge of the cube prefab: the one known size of every scene, hence the cube_scale of metric depth."""

LEAST_VISIBLE_RATIO = 0.0004
"""Share of the image (20 x 20 px of 1024 x 1024) below which an object is too small to be annotated."""

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
CATEGORIES = tuple(f"{colour}_{shape}" for shape in ("cube", "parallelepiped") for colour in COLOURS)


class Pattern(IntEnum):
    """How a surface mixes its two colours."""

    PLAIN = 0
    CHECKER = 1
    TILES = 2
    NOISE = 3
    WOOD = 4
    BRICKS = 5
    STRIPES = 6
    MARBLE = 7
    TERRAZZO = 8


@dataclass(frozen=True)
class Surface:
    """A procedural material: two linear RGB colours mixed by a pattern of a given period [m]."""

    pattern: Pattern
    color_a: NDArray[np.float64]  # (3,) linear RGB
    color_b: NDArray[np.float64]
    period_m: float
    angle_rad: float


class Form(IntEnum):
    """What fills a box; its axes are the box's, and it touches all six faces."""

    BOX = 0
    ELLIPSOID = 1
    CYLINDER = 2  # upright in the box


@dataclass(frozen=True)
class Paint:
    """A pattern in a darker shade of a box's own colour, so that the hue stays what it is."""

    pattern: Pattern
    contrast: float  # share of the light that the darkest shade swallows, 0..1
    period_m: float


PLAIN_PAINT = Paint(Pattern.PLAIN, 0.0, 1.0)


@dataclass(frozen=True)
class Box:
    """A cube or parallelepiped; `world_from_box` (3, 3) rotates its axes, `parent` is the box that carries it.

    Clutter has another form, and no category.
    """

    center_m: NDArray[np.float64]  # (3,)
    size_m: NDArray[np.float64]  # (3,) full edge lengths
    world_from_box: NDArray[np.float64]
    color: NDArray[np.float64]  # (3,) linear RGB
    category: str
    parent: int | None = None
    form: Form = Form.BOX
    paint: Paint = PLAIN_PAINT


@dataclass(frozen=True)
class Lighting:
    """A sun that casts hard shadows, a fill light that casts none, and ambient light; linear RGB."""

    to_sun: NDArray[np.float64]  # (3,) unit vector
    sun: NDArray[np.float64]
    to_fill: NDArray[np.float64]
    fill: NDArray[np.float64]
    ambient: NDArray[np.float64]


@dataclass(frozen=True)
class Sensor:
    """What the camera makes of light: exposure, blur, vignetting, noise (standard deviation, of full scale), JPEG."""

    exposure: float
    blur_ratio: float  # standard deviation of the blur over the image height
    noise: float
    vignette: float
    jpeg_quality: int | None = None  # None: the image is not compressed


@dataclass(frozen=True)
class Scene:
    """Everything that an image depends on. `room` is the (2, 3) lower and upper corner of the room's inside."""

    seed: int
    camera: Camera
    world_from_camera: NDArray[np.float64]  # (4, 4)
    boxes: tuple[Box, ...]
    room: NDArray[np.float64]
    floor: Surface
    walls: Surface
    grain: float
    """Amplitude of the boxes' surface texture."""
    gloss: float
    lighting: Lighting
    sensor: Sensor
    clutter: tuple[Box, ...] = ()
    """Things of other forms, which are nobody's object: to the instances they are background."""

    @property
    def solids(self) -> tuple[Box, ...]:
        """All that stands in the room, the objects first."""
        return self.boxes + self.clutter
