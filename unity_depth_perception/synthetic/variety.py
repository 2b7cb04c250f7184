"""Distributions that random scenes are drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unity_depth_perception.core.errors import ConfigurationError

KINDS = ("room", "open", "table")
MIXED = "mixed"
"""One kind per seed, each with the same probability."""
_PITCH_DEG = {"open": (-8.0, 45.0), "table": (5.0, 55.0)}  # less steep than in rooms, to see horizon and far floor
_MAX_RISE = {"open": 0.8, "table": 0.4}
_MIX_STREAM = 26  # of the generator that draws the kind, so that all other draws of the seed stay the same


def draw_kind(seed: int, kinds: Sequence[str]) -> str:
    """Draw the kind of a seed's scene from `kinds` with equal probability; one that is repeated comes more often."""
    return kinds[np.random.default_rng([seed, _MIX_STREAM]).integers(len(kinds))]


@dataclass(frozen=True)
class Variety:
    """Ranges (least, most) and probabilities of random scenes.

    Attributes:
        fov_deg: vertical field of view.
        distance_edges: distance of the camera in edges of the cube.
        pitch_deg: angle by which the camera looks down.
        max_rise: largest height of the point that the camera looks at above the objects, in half heights of the image.
        min_elongation: least ratio of a parallelepiped's longest to its shortest edge; below, it looks like a cube.
        same_colour_probability: that a parallelepiped has the colour of the object before it.
        vivid_probability: that floor or walls are as colourful as the objects.
        new_pattern_probability: that floor or walls have one of the patterns from BRICKS on.
        painted_probability: that an object or clutter has a pattern, in shades of its own colour.
        warmth_std: standard deviation of the light's colour between blue and red.
        max_tint: largest saturation of the lights (linear RGB), whose hues are independent. Up to 0.4 no mixture of
            them shifts a colour to the hues of another category; from 0.45 on, yellow may look orange and vice versa.
        ambient_range: ambient share of the light.
        max_blur_ratio: largest standard deviation of the lens blur over the image's height.
        min_cube_height_ratio: least height of the cube that the camera looks at over the image's height.
        max_clutter: largest number of clutter objects.
        jpeg_probability: that the image has been compressed.
        kind: `room` with walls all round; `open` ground under a sky; `table`: objects stand on furniture, above the
            floor of a room or the ground under a sky; `mixed`.
    """

    fov_deg: tuple[float, float] = (40.0, 75.0)
    distance_edges: tuple[float, float] = (5.0, 17.0)
    pitch_deg: tuple[float, float] = (15.0, 60.0)
    max_rise: float = 0.0
    min_elongation: float = 1.6
    same_colour_probability: float = 0.0
    vivid_probability: float = 0.0
    new_pattern_probability: float = 0.0
    painted_probability: float = 0.0
    warmth_std: float = 0.05
    max_tint: float = 0.0
    ambient_range: tuple[float, float] = (0.2, 0.5)
    max_blur_ratio: float = 0.0022
    min_cube_height_ratio: float = 0.035
    max_clutter: int = 0
    jpeg_probability: float = 0.0
    kind: str = "room"

    def __post_init__(self) -> None:
        if self.kind not in (*KINDS, MIXED):
            raise ConfigurationError(f"expected scenes of kind {', '.join((*KINDS, MIXED))}; got {self.kind!r}")

    def settled(self, seed: int) -> Variety:
        """The distributions of one seed's scene: a mixture becomes one of its kinds, each with its pitch angles."""
        kind = draw_kind(seed, KINDS) if self.kind == MIXED else self.kind
        pitch_deg, max_rise = _PITCH_DEG.get(kind, self.pitch_deg), _MAX_RISE.get(kind, self.max_rise)
        return replace(self, kind=kind, pitch_deg=pitch_deg, max_rise=max_rise)

    @property
    def fov_rad(self) -> tuple[float, float]:
        """Range of the vertical field of view [rad]."""
        return math.radians(self.fov_deg[0]), math.radians(self.fov_deg[1])


USUAL = Variety()
WIDE = Variety(
    fov_deg=(35.0, 90.0),
    distance_edges=(4.3, 57.0),
    pitch_deg=(12.0, 75.0),
    min_elongation=1.25,
    same_colour_probability=0.3,
    vivid_probability=0.4,
    new_pattern_probability=0.5,
    painted_probability=0.3,
    warmth_std=0.0,
    max_tint=0.3,
    ambient_range=(0.2, 0.9),
    max_blur_ratio=0.004,
    min_cube_height_ratio=0.028,
    max_clutter=4,
    jpeg_probability=0.3,
)
