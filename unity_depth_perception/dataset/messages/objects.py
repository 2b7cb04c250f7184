"""ObjectDistanceArray messages to objects."""

from __future__ import annotations

from typing import Any

from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance

_STATISTICS = ("center", "mean", "median", "min", "max")


def objects_of(message: Any) -> tuple[ObjectDistance, ...]:
    """Objects of an ObjectDistanceArray: the inverse of `objects_message`, up to float32."""
    return tuple(_object_of(item) for item in message.objects)


def _object_of(message: Any) -> ObjectDistance:
    box = message.bbox
    return ObjectDistance(
        id=message.id,
        category=message.category,
        bbox=(box.x_offset, box.y_offset, box.x_offset + box.width, box.y_offset + box.height),
        distance=DistanceStatistics(**{name: getattr(message.distance, name) for name in _STATISTICS}),
        parent_id=None if message.parent_id < 0 else message.parent_id,
        score=message.score,
        position_m=(message.position.x, message.position.y, message.position.z),
        range_m=message.range,
        valid_ratio=message.valid_ratio,
        pixel_count=message.pixel_count,
    )
