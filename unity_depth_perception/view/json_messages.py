"""ROS messages to JSON for viewers: objects with their distances, diagnostics.

Messages are read by attributes alone, so that nothing of ROS is imported.
"""

from __future__ import annotations

import math
from typing import Any

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.export.overlay.palette import object_colour


def distances_json(message: Any) -> dict[str, Any]:
    """ObjectDistanceArray as JSON: stamp, frame, models, objects as in results.json, and the nearest of each category.

    Raises:
        InputError: an object is impossible.
    """
    objects = objects_of(message)
    nearest: dict[str, float] = {}
    for item in sorted(objects, key=lambda item: -item.distance.median):
        if math.isfinite(item.distance.median):
            nearest[item.category] = item.distance.median
    return {
        "stamp_ns": str(stamp_ns_of(message.header)),  # more digits than a number in JavaScript has
        "frame_id": message.header.frame_id,
        "depth_model": message.depth_model,
        "segmentation_model": message.segmentation_model,
        "objects": [item.to_json() for item in objects],
        "nearest_m": nearest,
    }


def page_json(message: Any) -> dict[str, Any]:
    """`distances_json` with the colour of each object, as the overlay has it.

    Raises:
        InputError: an object is impossible.
    """
    content = distances_json(message)
    for item, entry in zip(objects_of(message), content["objects"], strict=True):
        entry["colour"] = "#{:02x}{:02x}{:02x}".format(*object_colour(item))
    return content


def diagnostics_json(message: Any) -> dict[str, Any]:
    """diagnostic_msgs/DiagnosticArray as JSON, field by field."""
    return {
        "header": {"stamp": {"sec": message.header.stamp.sec, "nsec": message.header.stamp.nanosec}, "frame_id": ""},
        "status": [
            {
                "level": int(status.level[0]),
                "name": status.name,
                "message": status.message,
                "hardware_id": status.hardware_id,
                "values": [{"key": item.key, "value": item.value} for item in status.values],
            }
            for status in message.status
        ],
    }
