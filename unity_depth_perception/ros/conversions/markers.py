"""Objects to RViz markers: boxes, labels, and an arrow from each object to its parent."""

from __future__ import annotations

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.visible_box import VisibleBox, visible_box
from unity_depth_perception.export.overlay.palette import object_colour
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement

_BOX_OPACITY = 0.5
_LEAST_SIZE_M = 1e-3  # RViz refuses a scale of 0
_LIGHT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)


_LIFETIME_INTERVALS = 3  # markers of a node that was killed vanish


def delete_markers_message() -> MarkerArray:
    """Deletes all markers of this topic."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])


def markers_message(result: PerceptionResult, placement: Placement = OPTICAL, interval_s: float = 0.0) -> MarkerArray:
    """Markers of one frame; the first one deletes those of the previous frame.

    Args:
        result: the frame's objects.
        placement: frame in which the markers are expressed.
        interval_s: between frames [s]; a marker lives for three of them, for ever if it is 0.
    """
    header = placement.header(header_of(result))
    boxes = {item.id: box for item in result.objects if (box := visible_box(item, result.frame.camera))}
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for item in result.objects:
        if item.id not in boxes:
            continue
        markers += [_box(item, boxes[item.id], placement), _text(item, boxes[item.id], placement)]
        if item.parent_id in boxes:
            markers.append(_arrow(item, boxes[item.id], boxes[item.parent_id], placement))
    lifetime_ns = round(_LIFETIME_INTERVALS * interval_s * 1e9)
    for marker in markers[1:]:
        marker.header = header
        marker.lifetime = Duration(sec=lifetime_ns // 10**9, nanosec=lifetime_ns % 10**9)
    return MarkerArray(markers=markers)


def _box(item: ObjectDistance, box: VisibleBox, placement: Placement) -> Marker:
    red, green, blue = (channel / 255 for channel in object_colour(item))
    marker = Marker(ns="boxes", id=item.id, type=Marker.CUBE)
    marker.pose = placement.pose(box.center)
    marker.scale = Vector3(**dict(zip("xyz", (max(size, _LEAST_SIZE_M) for size in box.size), strict=True)))
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=_BOX_OPACITY)
    return marker


def _text(item: ObjectDistance, box: VisibleBox, placement: Placement) -> Marker:
    """Label such as `red_cube 0.83 m` above the box in the image (y points down)."""
    (x, y, z), height_m = box.center, max(box.size[1] / 3, _LEAST_SIZE_M)
    marker = Marker(ns="labels", id=item.id, type=Marker.TEXT_VIEW_FACING, color=_LIGHT)
    marker.pose = Pose(position=placement.point((x, y - box.size[1] / 2 - height_m, z)))
    marker.scale = Vector3(x=0.0, y=0.0, z=height_m)
    marker.text = f"{item.category} {item.distance.median:.2f} m"
    return marker


def _arrow(item: ObjectDistance, child: VisibleBox, parent: VisibleBox, placement: Placement) -> Marker:
    shaft_m = max(min(child.size[:2]) / 10, _LEAST_SIZE_M)
    marker = Marker(ns="parents", id=item.id, type=Marker.ARROW, color=_LIGHT)
    marker.points = [placement.point(child.center), placement.point(parent.center)]
    marker.scale = Vector3(x=shaft_m, y=2 * shaft_m, z=0.0)  # diameters of shaft and head
    return marker
