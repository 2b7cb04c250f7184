"""Objects to RViz markers: boxes, labels, and an arrow from each object to its parent."""

from __future__ import annotations

from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.visible_box import VisibleBox, visible_box
from unity_depth_perception.export.pictures import object_colour
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of

_BOX_OPACITY = 0.5
_LEAST_SIZE_M = 1e-3  # RViz refuses a scale of 0
_LIGHT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)


def markers_message(result: PerceptionResult) -> MarkerArray:
    """Markers of one frame, in the optical frame; the first one deletes those of the previous frame."""
    header = header_of(result)
    boxes = {item.id: box for item in result.objects if (box := visible_box(item, result.frame.camera))}
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for item in result.objects:
        if item.id not in boxes:
            continue
        markers += [_box(header, item, boxes[item.id]), _text(header, item, boxes[item.id])]
        if item.parent_id in boxes:
            markers.append(_arrow(header, item, boxes[item.id], boxes[item.parent_id]))
    return MarkerArray(markers=markers)


def _box(header: Header, item: ObjectDistance, box: VisibleBox) -> Marker:
    red, green, blue = (channel / 255 for channel in object_colour(item))
    marker = Marker(header=header, ns="boxes", id=item.id, type=Marker.CUBE)
    marker.pose = Pose(position=_point(*box.center))
    marker.scale = Vector3(**dict(zip("xyz", (max(size, _LEAST_SIZE_M) for size in box.size), strict=True)))
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=_BOX_OPACITY)
    return marker


def _text(header: Header, item: ObjectDistance, box: VisibleBox) -> Marker:
    """Label such as `red_cube 0.83 m` above the box (y points down)."""
    (x, y, z), height_m = box.center, max(box.size[1] / 3, _LEAST_SIZE_M)
    marker = Marker(header=header, ns="labels", id=item.id, type=Marker.TEXT_VIEW_FACING, color=_LIGHT)
    marker.pose = Pose(position=_point(x, y - box.size[1] / 2 - height_m, z))
    marker.scale = Vector3(x=0.0, y=0.0, z=height_m)
    marker.text = f"{item.category} {item.distance.median:.2f} m"
    return marker


def _arrow(header: Header, item: ObjectDistance, child: VisibleBox, parent: VisibleBox) -> Marker:
    shaft_m = max(min(child.size[:2]) / 10, _LEAST_SIZE_M)
    marker = Marker(header=header, ns="parents", id=item.id, type=Marker.ARROW, color=_LIGHT)
    marker.points = [_point(*child.center), _point(*parent.center)]
    marker.scale = Vector3(x=shaft_m, y=2 * shaft_m, z=0.0)  # diameters of shaft and head
    return marker


def _point(x: float, y: float, z: float) -> Point:
    return Point(x=x, y=y, z=z)
