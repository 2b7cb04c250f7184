"""Objects to ObjectDistanceArray and back, and the point cloud of a result."""

from __future__ import annotations

from geometry_msgs.msg import Point
from sensor_msgs.msg import PointCloud2, PointField, RegionOfInterest
from std_msgs.msg import Header
from torch import Tensor

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.msg import DistanceStatistics as DistanceStatisticsMessage
from unity_depth_perception.msg import ObjectDistance as ObjectDistanceMessage
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ops.cloud import POINT_STEP, pack_cloud
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.images import byte_array
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement

_NO_PARENT = -1
_STATISTICS = ("center", "mean", "median", "min", "max")
_CLOUD_FIELDS = [
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
    for index, name in enumerate(("x", "y", "z", "rgb"))
]


def cloud_message(result: PerceptionResult, placement: Placement = OPTICAL) -> PointCloud2:
    """Organised point cloud of a result: x y z rgb, 16 bytes per point, NaN where depth is invalid or infinite.

    Raises:
        ImageError: the frame has no image, so the points have no colour.
    """
    packed = pack_cloud(result.depth.depth_m, result.rgb, result.frame.camera, placement.target_from_optical)
    return packed_cloud_message(placement.header(header_of(result)), packed, is_dense=False)


def packed_cloud_message(header: Header, packed: Tensor, *, is_dense: bool) -> PointCloud2:
    """PointCloud2 of points (H, W, 4) that `ops.cloud` has packed; `is_dense`: no point is invalid."""
    height, width = packed.shape[:2]
    message = PointCloud2(header=header, height=height, width=width, is_dense=is_dense, is_bigendian=False)
    message.fields = _CLOUD_FIELDS
    message.point_step = POINT_STEP
    message.row_step = POINT_STEP * width
    message.data = byte_array(packed.cpu().numpy())
    return message


def distances_message(result: PerceptionResult, placement: Placement = OPTICAL) -> ObjectDistanceArray:
    """ObjectDistanceArray of a result; positions are in the placement's frame, distances along the camera's axis."""
    header = placement.header(header_of(result))
    message = objects_message(header, result.objects, result.depth_model, result.segmentation_model)
    for item, placed in zip(result.objects, message.objects, strict=True):
        placed.position = placement.point(item.position_m)
    return message


def objects_message(
    header: Header, objects: tuple[ObjectDistance, ...], depth_model: str, segmentation_model: str
) -> ObjectDistanceArray:
    """ObjectDistanceArray of objects, with the names of the models that found them."""
    message = ObjectDistanceArray(header=header, depth_model=depth_model, segmentation_model=segmentation_model)
    message.objects = [_object_message(item) for item in objects]
    return message


def _object_message(item: ObjectDistance) -> ObjectDistanceMessage:
    x_min, y_min, x_max, y_max = item.bbox
    message = ObjectDistanceMessage(id=item.id, category=item.category, score=item.score)
    message.parent_id = _NO_PARENT if item.parent_id is None else item.parent_id
    message.bbox = RegionOfInterest(x_offset=x_min, y_offset=y_min, width=x_max - x_min, height=y_max - y_min)
    message.distance = DistanceStatisticsMessage(**{name: getattr(item.distance, name) for name in _STATISTICS})
    message.position = Point(**dict(zip("xyz", item.position_m, strict=True)))
    message.range = item.range_m
    message.valid_ratio = item.valid_ratio
    message.pixel_count = item.pixel_count
    return message
