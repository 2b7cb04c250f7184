"""The published models of Depth Anything 3: names, weights, licences and kinds of output.

Numbers of parameters are those of github.com/ByteDance-Seed/Depth-Anything-3, README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from unity_depth_perception.models.checkpoints.hub import Published

_NON_COMMERCIAL = "CC-BY-NC-4.0"


class Kind(Enum):
    """Kind of output of a variant."""

    METRIC = "depth and sky; metres, given the focal length"
    NESTED = "an any-view and a metric network: depth, confidence and camera in metres, sky"
    ANY_VIEW = "depth, confidence and cameras of one or several views, in a unit of its own"
    MONO = "depth and sky of one view, in a unit of its own"

    @property
    def is_metric(self) -> bool:
        """Whether the depth of a single view is in metres."""
        return self in (Kind.METRIC, Kind.NESTED)


@dataclass(frozen=True)
class Variant:
    """One published model; `architecture` is the name of its configuration in the package depth_anything_3."""

    architecture: str
    kind: Kind
    published: Published


DA3_VARIANTS = {
    "da3metric-large": Variant(
        "da3metric-large", Kind.METRIC, Published("depth-anything/DA3METRIC-LARGE", parameters_m=350)
    ),
    "da3nested-giant-large-1.1": Variant(
        "da3nested-giant-large",
        Kind.NESTED,
        Published("depth-anything/DA3NESTED-GIANT-LARGE-1.1", _NON_COMMERCIAL, 1400),
    ),
    "da3-small": Variant("da3-small", Kind.ANY_VIEW, Published("depth-anything/DA3-SMALL", parameters_m=80)),
    "da3-base": Variant("da3-base", Kind.ANY_VIEW, Published("depth-anything/DA3-BASE", parameters_m=120)),
    "da3-large-1.1": Variant(
        "da3-large", Kind.ANY_VIEW, Published("depth-anything/DA3-LARGE-1.1", _NON_COMMERCIAL, 350)
    ),
    "da3-giant-1.1": Variant(
        "da3-giant", Kind.ANY_VIEW, Published("depth-anything/DA3-GIANT-1.1", _NON_COMMERCIAL, 1150)
    ),
    "da3mono-large": Variant("da3mono-large", Kind.MONO, Published("depth-anything/DA3MONO-LARGE", parameters_m=350)),
}
