"""Description of a virtual scene. World frame: metres, z up; the level that the first cube stands on is z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera

CUBE_EDGE_M = 0.07
"""Edge of the cube prefab: the one known size of every scene, hence the reference length of metric depth."""

LEAST_VISIBLE_RATIO = 0.0004
"""Share of the image (20 x 20 px of 1024 x 1024) below which an object is too small to be annotated."""

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
CATEGORIES = tuple(f"{colour}_{shape}" for shape in ("cube", "parallelepiped") for colour in COLOURS)


class Pattern(IntEnum):
    """Spatial pattern by which a surface mixes its two colours."""

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
    """Shape that fills a box: aligned with its axes, touching all six faces."""

    BOX = 0
    ELLIPSOID = 1
    CYLINDER = 2  # upright in the box


@dataclass(frozen=True)
class Paint:
    """A pattern in a darker shade of a box's own colour, so that its hue stays the same."""

    pattern: Pattern
    contrast: float  # share of the light that the darkest shade absorbs, 0..1
    period_m: float


PLAIN_PAINT = Paint(Pattern.PLAIN, 0.0, 1.0)


@dataclass(frozen=True)
class Box:
    """A cube or parallelepiped; `world_from_box` (3, 3) rotates its axes, `parent` is the index of the box below it.

    Clutter is a box filled by another form, without a category.
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


class SkyKind(IntEnum):
    """Look of a sky: Unity's procedural skybox, photographed clouds, one colour ("Solid Color" in Unity), overcast."""

    PROCEDURAL = 0
    CLOUDS = 1
    PLAIN = 2
    OVERCAST = 3


@dataclass(frozen=True)
class Sky:
    """What a camera sees beyond the ground, at a depth of +Inf. Colours are linear RGB.

    Attributes:
        kind: look.
        zenith, horizon, below: (3,) colours overhead, at the horizon and below it.
        cover: share of the sky that clouds cover, 0..1.
        hills: height of the hills in a photographed sky as the sine of their elevation; 0 for none.
        sun_size: sine of the radius of the sun's disc; 0 for none.
        far_m: planar depth of the camera's far clip plane, where the ground ends at the latest.
        fog_per_m: density of the fog; light falls to exp(-(density * depth)^2), as in Unity's exponential squared fog.
    """

    kind: SkyKind
    zenith: NDArray[np.float64]
    horizon: NDArray[np.float64]
    below: NDArray[np.float64]
    cover: float = 0.5
    hills: float = 0.0
    sun_size: float = 0.0
    far_m: float = 1000.0
    fog_per_m: float = 0.0


@dataclass(frozen=True)
class Sensor:
    """Sensor model: exposure, blur, vignetting, noise (standard deviation, of full scale), JPEG compression."""

    exposure: float
    blur_ratio: float  # standard deviation of the blur over the image height
    noise: float
    vignette: float
    jpeg_quality: int | None = None  # None: the image is not compressed


@dataclass(frozen=True)
class Scene:
    """Everything that an image depends on.

    `room` is the (2, 3) lower and upper corner of the room's inside. Under a sky the lower face is the ground, which
    ends at its edges, and there are no walls.
    """

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
    """Things of other forms, which are not annotated: background in the instance image."""
    image_number: int = 0
    """Number of the image among those of one room: with the seed, it determines the sensor's noise."""
    sky: Sky | None = None
    """None: a room that is closed all round."""
    furniture: tuple[Box, ...] = ()
    """What objects stand on: neither annotated nor a parent; background in the instance image."""
    levels_m: tuple[float, ...] = (0.0,)
    """Height z of each horizontal surface that things stand on: that of the first cube, the others, floor or ground."""

    @property
    def solids(self) -> tuple[Box, ...]:
        """Boxes, clutter and furniture, in this order."""
        return self.boxes + self.clutter + self.furniture
