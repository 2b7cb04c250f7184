"""ROS messages to Foxglove's schemas: pictures, depth, cloud, boxes, frames, intrinsics.

Messages are read by attributes alone, so that nothing of ROS is imported.
Schemas: https://docs.foxglove.dev/docs/sdk/schemas
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from foxglove import messages as fox
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ImageError

_CUBE, _ARROW, _TEXT, _DELETE_ALL = 1, 0, 9, 3  # of visualization_msgs/Marker
_FLOAT32, _UINT8 = fox.PackedElementFieldNumericType.Float32, fox.PackedElementFieldNumericType.Uint8
# A point of depth/points is x y z as floats, then the colour as the bytes blue, green, red and an unused one, which
# becomes the alpha that Foxglove needs to show colours.
_POINT_FIELDS = [
    *(fox.PackedElementField(name=name, offset=4 * index, type=_FLOAT32) for index, name in enumerate("xyz")),
    *(
        fox.PackedElementField(name=name, offset=12 + index, type=_UINT8)
        for index, name in enumerate(("blue", "green", "red", "alpha"))
    ),
]
_HEAD_LENGTH_RATIO = 0.2  # of an arrow

JPEG_QUALITY = 85


def jpeg_of(rgb: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """JPEG file of a picture (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the picture is too large for JPEG.
    """
    try:
        done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise ImageError(f"cannot encode a picture of {rgb.shape[1]} x {rgb.shape[0]}: {error}") from None
    if not done:
        raise ImageError(f"expected a picture of at most 65500 px a side, got {rgb.shape[1]} x {rgb.shape[0]}")
    return data.tobytes()


def compressed_image(header: Any, rgb: NDArray[np.uint8]) -> fox.CompressedImage:
    """Picture (H, W, 3) uint8 RGB as JPEG."""
    return fox.CompressedImage(timestamp=_timestamp(header), frame_id=header.frame_id, format="jpeg", data=jpeg_of(rgb))


def raw_image(message: Any) -> fox.RawImage:
    """sensor_msgs/Image as it is: depth as 32FC1 [m] or 16UC1 [mm]."""
    return fox.RawImage(
        timestamp=_timestamp(message.header),
        frame_id=message.header.frame_id,
        width=message.width,
        height=message.height,
        encoding=message.encoding,
        step=message.step,
        data=bytes(message.data),
    )


def point_cloud(message: Any) -> fox.PointCloud:
    """sensor_msgs/PointCloud2 of `depth/points` with the same coordinates and colours, opaque.

    Raises:
        ImageError: the points have another layout.
    """
    names = [field.name for field in message.fields]
    if names != ["x", "y", "z", "rgb"] or message.point_step != 16:
        raise ImageError(f"expected points of x y z rgb in 16 bytes, got {names} in {message.point_step}")
    data = np.array(message.data, dtype=np.uint8)
    data.reshape(-1, message.point_step)[:, 15] = 255
    return fox.PointCloud(
        timestamp=_timestamp(message.header),
        frame_id=message.header.frame_id,
        pose=fox.Pose(position=fox.Vector3(), orientation=fox.Quaternion(w=1.0)),
        point_stride=message.point_step,
        fields=_POINT_FIELDS,
        data=data.tobytes(),
    )


def camera_calibration(message: Any) -> fox.CameraCalibration:
    """sensor_msgs/CameraInfo."""
    return fox.CameraCalibration(
        timestamp=_timestamp(message.header),
        frame_id=message.header.frame_id,
        width=message.width,
        height=message.height,
        distortion_model=message.distortion_model,
        D=list(message.d),
        K=list(message.k),
        R=list(message.r),
        P=list(message.p),
    )


def frame_transforms(message: Any) -> fox.FrameTransforms:
    """tf2_msgs/TFMessage."""
    return fox.FrameTransforms(
        transforms=[
            fox.FrameTransform(
                timestamp=_timestamp(item.header),
                parent_frame_id=item.header.frame_id,
                child_frame_id=item.child_frame_id,
                translation=_vector(item.transform.translation),
                rotation=_quaternion(item.transform.rotation),
            )
            for item in message.transforms
        ]
    )


def scene_update(message: Any) -> fox.SceneUpdate:
    """visualization_msgs/MarkerArray of `objects/markers`: boxes, labels, arrows to parents; an entity per marker."""
    deletions = [
        fox.SceneEntityDeletion(timestamp=_timestamp(marker.header), type=fox.SceneEntityDeletionType.All)
        for marker in message.markers
        if marker.action == _DELETE_ALL
    ]
    entities = [_entity(marker) for marker in message.markers if marker.type in _PRIMITIVES and marker.action == 0]
    return fox.SceneUpdate(deletions=deletions, entities=entities)


def _entity(marker: Any) -> fox.SceneEntity:
    lifetime = fox.Duration(marker.lifetime.sec, marker.lifetime.nanosec)
    return fox.SceneEntity(
        timestamp=_timestamp(marker.header),
        frame_id=marker.header.frame_id,
        id=f"{marker.ns}/{marker.id}",
        lifetime=lifetime,
        **_PRIMITIVES[marker.type](marker),
    )


def _cube(marker: Any) -> dict[str, Any]:
    return {"cubes": [fox.CubePrimitive(pose=_pose(marker), size=_vector(marker.scale), color=_color(marker))]}


def _text(marker: Any) -> dict[str, Any]:
    text = fox.TextPrimitive(
        pose=_pose(marker), billboard=True, font_size=marker.scale.z, color=_color(marker), text=marker.text
    )
    return {"texts": [text]}


def _arrow(marker: Any) -> dict[str, Any]:
    """Foxglove's arrow points along the x axis of its pose; a marker has start and end instead."""
    start, end = (np.array([point.x, point.y, point.z]) for point in marker.points)
    length_m = float(np.linalg.norm(end - start))
    head_m = _HEAD_LENGTH_RATIO * length_m
    x, y, z, w = _rotation_from_x(end - start)
    arrow = fox.ArrowPrimitive(
        pose=fox.Pose(position=_vector(marker.points[0]), orientation=fox.Quaternion(x=x, y=y, z=z, w=w)),
        shaft_length=length_m - head_m,
        shaft_diameter=marker.scale.x,
        head_length=head_m,
        head_diameter=marker.scale.y,
        color=_color(marker),
    )
    return {"arrows": [arrow]}


_PRIMITIVES: dict[int, Callable[[Any], dict[str, Any]]] = {_CUBE: _cube, _TEXT: _text, _ARROW: _arrow}


def _rotation_from_x(direction: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Quaternion (x, y, z, w) of the shortest rotation of the x axis onto a direction."""
    length = float(np.linalg.norm(direction))
    if length == 0:
        return 0.0, 0.0, 0.0, 1.0
    dx, dy, dz = (direction / length).tolist()
    if dx < -1 + 1e-9:  # half a turn, about any axis across
        return 0.0, 0.0, 1.0, 0.0
    x, y, z, w = 0.0, -dz, dy, 1 + dx  # of the axis x cross direction
    norm = float(np.sqrt(y * y + z * z + w * w))
    return x, y / norm, z / norm, w / norm


def _timestamp(header: Any) -> fox.Timestamp:
    return fox.Timestamp(max(header.stamp.sec, 0), header.stamp.nanosec)


def _vector(value: Any) -> fox.Vector3:
    return fox.Vector3(x=value.x, y=value.y, z=value.z)


def _quaternion(value: Any) -> fox.Quaternion:
    return fox.Quaternion(x=value.x, y=value.y, z=value.z, w=value.w)


def _pose(marker: Any) -> fox.Pose:
    return fox.Pose(position=_vector(marker.pose.position), orientation=_quaternion(marker.pose.orientation))


def _color(marker: Any) -> fox.Color:
    return fox.Color(r=marker.color.r, g=marker.color.g, b=marker.color.b, a=marker.color.a)
