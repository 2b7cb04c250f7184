"""Objects to vision_msgs: 2D boxes, 3D boxes, and the class map of the instance image."""

from __future__ import annotations

from geometry_msgs.msg import Point, Pose, Vector3
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

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.visible_box import visible_box
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of


def detections_2d_message(result: PerceptionResult) -> Detection2DArray:
    """2D boxes [px]; pixel centres are at integers, so a box of pixels 0..9 has its centre at 4.5 and size 10."""
    header = header_of(result)
    return Detection2DArray(header=header, detections=[_detection_2d(header, item) for item in result.objects])


def detections_3d_message(result: PerceptionResult) -> Detection3DArray:
    """3D boxes of the visible surfaces [m] in the optical frame, of the objects that have valid depth."""
    header = header_of(result)
    detections = []
    for item in result.objects:
        if box := visible_box(item, result.frame.camera):
            center = Point(**dict(zip("xyz", box.center, strict=True)))
            size = Vector3(**dict(zip("xyz", box.size, strict=True)))
            position = Point(**dict(zip("xyz", item.position_m, strict=True)))
            detections.append(
                Detection3D(
                    header=header,
                    id=str(item.id),
                    results=[_hypothesis(item, position)],
                    bbox=BoundingBox3D(center=Pose(position=center), size=size),
                )
            )
    return Detection3DArray(header=header, detections=detections)


def label_info_message(result: PerceptionResult, min_score: float = 0.0) -> LabelInfo:
    """Category of each value of the frame's instance image, as class_map; 0 is the background and not listed."""
    classes = [VisionClass(class_id=k + 1, class_name=name) for k, name in enumerate(result.segmentation.categories)]
    return LabelInfo(header=header_of(result), class_map=classes, threshold=min_score)


def _detection_2d(header: Header, item: ObjectDistance) -> Detection2D:
    x_min, y_min, x_max, y_max = item.bbox
    center = Pose2D(position=Point2D(x=(x_min + x_max - 1) / 2, y=(y_min + y_max - 1) / 2))
    box = BoundingBox2D(center=center, size_x=float(x_max - x_min), size_y=float(y_max - y_min))
    return Detection2D(header=header, id=str(item.id), results=[_hypothesis(item, Point())], bbox=box)


def _hypothesis(item: ObjectDistance, position: Point) -> ObjectHypothesisWithPose:
    hypothesis = ObjectHypothesis(class_id=item.category, score=item.score)
    found = ObjectHypothesisWithPose(hypothesis=hypothesis)
    found.pose.pose.position = position
    return found
