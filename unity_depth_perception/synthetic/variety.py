"""What random scenes are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Variety:
    """Ranges and odds of random scenes.

    Attributes:
        fov_deg: vertical field of view, least and most.
        distance: of the camera, least and most, in edges of the cube.
        pitch_deg: how far the camera looks down, least and most.
        elongation: least ratio of a parallelepiped's longest to its shortest edge: below, it is a cube to the eye.
        same_colour: odds that a parallelepiped has the colour of the object before it.
        vivid: odds that floor or walls are as colourful as the objects.
        patterns: odds that floor or walls bear one of the patterns from BRICKS on.
        painted: odds that a thing bears a pattern, in shades of its own colour.
        warmth: standard deviation of the light's colour between blue and red.
        tint: most saturation of the lights (linear RGB), each of a hue of its own. Up to 0.4 no mixture of them shows
            a colour in the hues of another category; from 0.45 on, yellows may look orange and oranges yellow.
        ambient: share of the light that comes from everywhere, least and most.
        most_blur: standard deviation of the lens' blur over the image's height.
        least_cube: what an edge of the cube that the camera looks at covers at least, of the image's height.
        most_clutter: things of other shapes.
        jpeg: odds that the image has been compressed.
    """

    fov_deg: tuple[float, float] = (40.0, 75.0)
    distance: tuple[float, float] = (5.0, 17.0)
    pitch_deg: tuple[float, float] = (15.0, 60.0)
    elongation: float = 1.6
    same_colour: float = 0.0
    vivid: float = 0.0
    patterns: float = 0.0
    painted: float = 0.0
    warmth: float = 0.05
    tint: float = 0.0
    ambient: tuple[float, float] = (0.2, 0.5)
    most_blur: float = 0.0022
    least_cube: float = 0.035
    most_clutter: int = 0
    jpeg: float = 0.0

    @property
    def fov_rad(self) -> tuple[float, float]:
        """Vertical field of view, least and most."""
        return math.radians(self.fov_deg[0]), math.radians(self.fov_deg[1])


USUAL = Variety()
WIDE = Variety(
    fov_deg=(35.0, 90.0),
    distance=(4.3, 57.0),
    pitch_deg=(12.0, 75.0),
    elongation=1.25,
    same_colour=0.3,
    vivid=0.4,
    patterns=0.5,
    painted=0.3,
    warmth=0.0,
    tint=0.3,
    ambient=(0.2, 0.9),
    most_blur=0.004,
    least_cube=0.028,
    most_clutter=4,
    jpeg=0.3,
)
