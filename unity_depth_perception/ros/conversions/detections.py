"""Objects to vision_msgs and back: 2D boxes, 3D boxes, and the class map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
    VisionClass,
)

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.visible_box import visible_box
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement

_UNNAMED = "unknown"  # category of an instance value that a table does not name

ClassIds = Mapping[str, str]  # from the name of a category to its key in label_info


def class_ids_of(categories: Sequence[str]) -> dict[str, str]:
    """Keys of the class map: the categories of a model, numbered from 1 on."""
    return {name: str(number) for number, name in enumerate(categories, start=1)}


def label_info_message(class_ids: ClassIds, min_score: float = 0.0) -> LabelInfo:
    """The class map: number and name of each category; it is constant."""
    classes = [VisionClass(class_id=int(number), class_name=name) for name, number in class_ids.items()]
    return LabelInfo(class_map=classes, threshold=min_score)


def class_names_of(message: LabelInfo) -> dict[str, str]:
    """Names of the classes by their key, the form that `ObjectHypothesis.class_id` has."""
    return {str(item.class_id): item.class_name for item in message.class_map}


def detections_2d_message(result: PerceptionResult, class_ids: ClassIds) -> Detection2DArray:
    """2D boxes [px]; pixel centres are at integers, so a box of pixels 0..9 has its centre at 4.5 and size 10."""
    header = header_of(result)
    found = [_detection_2d(header, _id(result, item), item, class_ids) for item in result.objects]
    return Detection2DArray(header=header, detections=found)


def detections_3d_message(
    result: PerceptionResult, class_ids: ClassIds, placement: Placement = OPTICAL
) -> Detection3DArray:
    """3D boxes of the visible surfaces [m], of the objects that have valid depth; aligned with the optical axes."""
    header = placement.header(header_of(result))
    detections = []
    for item in result.objects:
        if box := visible_box(item, result.frame.camera):
            size = Vector3(**dict(zip("xyz", box.size, strict=True)))
            detections.append(
                Detection3D(
                    header=header,
                    id=_id(result, item),
                    results=[_hypothesis(item, class_ids, placement.point(item.position_m))],
                    bbox=BoundingBox3D(center=placement.pose(box.center), size=size),
                )
            )
    return Detection3DArray(header=header, detections=detections)


def instance_classes(
    table: LabelInfo | Detection2DArray, values: Sequence[int], classes: Mapping[str, str]
) -> list[tuple[str, float]]:
    """Category and score of each value of an instance image.

    Args:
        table: names of the values; or detections, of which the k-th is that of value k.
        values: values of the instance image, without 0.
        classes: names of the classes of label_info by their key, for detections.

    Raises:
        ImageError: a value has no detection, or the class of a detection is a number that label_info has not named yet.
    """
    if isinstance(table, LabelInfo):
        names = {item.class_id: item.class_name for item in table.class_map}
        return [(names.get(value, _UNNAMED), 1.0) for value in values]
    if values and max(values) > len(table.detections):
        raise ImageError(
            f"expected a detection for each value of the instance image, got {len(table.detections)} detections and "
            f"the value {max(values)}: they are not of one frame"
        )
    return [_class_of(table.detections[value - 1], classes) for value in values]


def _class_of(detection: Detection2D, classes: Mapping[str, str]) -> tuple[str, float]:
    if not detection.results:
        return _UNNAMED, 1.0
    key, score = detection.results[0].hypothesis.class_id, float(detection.results[0].hypothesis.score)
    if key not in classes and key.isdecimal():
        raise ImageError(f"class {key} of detections_2d has no name: waiting for objects/label_info, the class map")
    return classes.get(key, key), score


def _id(result: PerceptionResult, item: ObjectDistance) -> str:
    """`<stamp>/<k>`, k being the object's value in the instance image: unique over all frames, equal in all outputs."""
    return f"{result.frame.stamp_ns}/{item.id + 1}"


def _detection_2d(header: Header, id_: str, item: ObjectDistance, class_ids: ClassIds) -> Detection2D:
    x_min, y_min, x_max, y_max = item.bbox
    center = Pose2D(position=Point2D(x=(x_min + x_max - 1) / 2, y=(y_min + y_max - 1) / 2))
    box = BoundingBox2D(center=center, size_x=float(x_max - x_min), size_y=float(y_max - y_min))
    return Detection2D(header=header, id=id_, results=[_hypothesis(item, class_ids, Point())], bbox=box)


def _hypothesis(item: ObjectDistance, class_ids: ClassIds, position: Point) -> ObjectHypothesisWithPose:
    """The key of the category in label_info; its name where no class map has it (a simulator's own labels)."""
    class_id = class_ids.get(item.category, item.category)
    found = ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id=class_id, score=item.score))
    found.pose.pose.position = position
    return found
