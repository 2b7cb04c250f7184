"""Objects with their distances, and their JSON form (the same in annotations and in results)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unity_depth_perception.core.errors import InputError, shown

SHAPES = ("cube", "parallelepiped")


def shape_of(category: str) -> str:
    """The shape of a category `<colour>_<shape>`; the category itself where it has another form."""
    return category.rpartition("_")[2]


@dataclass(frozen=True)
class DistanceStatistics:
    """Planar depth [m] over a mask; NaN where no pixel is valid.

    `center` is the median in a small window at the mask's own centre; `min` and `max` are of the visible surface:
    pixels at the rim where depth bleeds, and flying pixels, are left out.
    """

    center: float = math.nan
    mean: float = math.nan
    median: float = math.nan
    min: float = math.nan
    max: float = math.nan


@dataclass(frozen=True)
class ObjectDistance:
    """One object of one frame. Lengths in metres, optical frame.

    `bbox` is [x_min, y_min, x_max, y_max] in pixels, max exclusive.
    """

    id: int
    category: str
    bbox: tuple[int, int, int, int]
    distance: DistanceStatistics = DistanceStatistics()
    parent_id: int | None = None
    score: float = 1.0
    position_m: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    range_m: float = math.nan
    valid_ratio: float = math.nan
    pixel_count: int = 0

    def __post_init__(self) -> None:
        x_min, y_min, x_max, y_max = self.bbox
        if not (x_min < x_max and y_min < y_max):
            raise InputError(
                f"object {self.id}: expected bbox [x_min, y_min, x_max, y_max] with max > min, got {list(self.bbox)}"
            )
        if self.parent_id == self.id:
            raise InputError(f"object {self.id}: an object cannot stand on itself")

    def enlarged(self, factor: int) -> ObjectDistance:
        """The same object in the image enlarged by repeating each pixel `factor` times per side; metres stay."""
        x_min, y_min, x_max, y_max = (factor * side for side in self.bbox)
        return replace(self, bbox=(x_min, y_min, x_max, y_max), pixel_count=factor**2 * self.pixel_count)

    def to_json(self) -> dict[str, Any]:
        """The OBJECT of the dataset format plus score, position, range, valid_ratio, pixel_count; NaN becomes null."""
        distance = {name: _number(getattr(self.distance, name)) for name in ("center", "mean", "median", "min", "max")}
        return {
            "id": self.id,
            "category": self.category,
            "bbox": list(self.bbox),
            "parent_id": self.parent_id,
            "distance": distance,
            "score": _number(self.score),
            "position": [_number(v) for v in self.position_m],
            "range": _number(self.range_m),
            "valid_ratio": _number(self.valid_ratio),
            "pixel_count": self.pixel_count,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], source: str = "object") -> ObjectDistance:
        """Read an OBJECT; only id, category and bbox are required. `source` names it in errors.

        Raises:
            InputError: a key is missing or a value is impossible.
        """
        missing = [key for key in ("id", "category", "bbox") if key not in data]
        if missing:
            raise InputError(f"{source}: expected the keys id, category, bbox; missing: {', '.join(missing)}")
        try:
            bbox = tuple(int(v) for v in data["bbox"])
            if len(bbox) != 4:
                raise ValueError(f"bbox has {len(bbox)} values instead of 4")
            if not (isinstance(data["category"], str) and data["category"]):
                raise InputError(f"expected category as a name such as red_cube, got {shown(data['category'])}")
            distance = data.get("distance") or {}
            parent = data.get("parent_id")
            parent = None if parent is None else _whole("parent_id", parent)
            position = data.get("position") or [None, None, None]
            if not isinstance(position, list | tuple) or len(position) != 3:
                raise InputError(f"expected position as a list [x, y, z], got {shown(position)}")
            return cls(
                id=_whole("id", data["id"]),
                category=data["category"],
                bbox=(bbox[0], bbox[1], bbox[2], bbox[3]),
                distance=DistanceStatistics(
                    **{name: _nan(distance.get(name)) for name in ("center", "mean", "median", "min", "max")}
                ),
                parent_id=None if parent is None or parent < 0 else parent,
                score=float(data.get("score", 1.0)),
                position_m=(_nan(position[0]), _nan(position[1]), _nan(position[2])),
                range_m=_nan(data.get("range")),
                valid_ratio=_nan(data.get("valid_ratio")),
                pixel_count=int(data.get("pixel_count", 0)),
            )
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
        except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
            raise InputError(f"{source}: {error!s:.200}; got {shown(dict(data))}") from None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _whole(name: str, value: Any) -> int:
    """Read a whole number, also one written 3.0; 3.4 is refused, since a rounded id would name another object."""
    if type(value) is int or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise InputError(f"expected {name} as a whole number, got {shown(value)}")


def _nan(value: Any) -> float:
    return math.nan if value is None else float(value)
