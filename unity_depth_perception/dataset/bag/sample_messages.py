"""Conversion of a sample to the messages that virtual Unity publishes, as rosbags' classes: no ROS needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys.store import Typestore

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.pose import pose_from_matrix
from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.dataset.sample import Sample

CAMERA_NAMESPACE = "/unity/camera"
FRAME_ID = "unity_camera_optical"

_TRUTH = "truth"  # in place of the model names of an ObjectDistanceArray
_NO_PARENT = -1
_NS_PER_S = 1_000_000_000


def write_sample(bag: BagWriter, sample: Sample) -> None:
    """Write the messages of a sample that has a stamp, in the order in which virtual Unity publishes them."""
    if sample.stamp_ns is None:
        raise DatasetError(f"{sample.name}: expected a stamp, which a bag needs; got a sample without one")
    for topic, message in sample_messages(bag.types, sample).items():
        bag.write(f"{CAMERA_NAMESPACE}/{topic}", message, sample.stamp_ns)


def sample_messages(types: Typestore, sample: Sample) -> dict[str, Any]:
    """Messages of a sample by topic (relative to the camera's namespace); topics without data are left out."""
    build = _Messages(types, sample.stamp_ns or 0)
    messages: dict[str, Any] = {"camera_info": build.camera_info(sample.camera)}
    if sample.world_from_camera is not None:
        messages["camera_pose"] = build.pose_stamped(sample.world_from_camera)
    messages["ground_truth/objects"] = build.objects(sample.objects)
    messages["image_raw"] = build.image(sample.image, "rgb8")
    if sample.depth_m is not None:
        messages["ground_truth/depth"] = build.image(sample.depth_m, "32FC1")
    if sample.instances is not None:
        messages["ground_truth/instances"] = build.image(sample.instances, "16UC1")
    return messages


class _Messages:
    """Builds the messages of one stamp; the ROS twin is ros/conversions."""

    def __init__(self, types: Typestore, stamp_ns: int) -> None:
        self._types = types.types
        time = self._new("builtin_interfaces/msg/Time", sec=stamp_ns // _NS_PER_S, nanosec=stamp_ns % _NS_PER_S)
        self._header = self._new("std_msgs/msg/Header", stamp=time, frame_id=FRAME_ID)

    def _new(self, kind: str, **fields: Any) -> Any:
        return self._types[kind](**fields)

    def camera_info(self, camera: Camera) -> Any:
        roi = self._region(0, 0, 0, 0)
        return self._new(
            "sensor_msgs/msg/CameraInfo",
            header=self._header,
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=camera.k.flatten(),
            r=np.eye(3).flatten(),
            p=camera.p.flatten(),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )

    def pose_stamped(self, world_from_camera: NDArray[np.float64]) -> Any:
        position, orientation = pose_from_matrix(world_from_camera)
        pose = self._new(
            "geometry_msgs/msg/Pose",
            position=self._point(position),
            orientation=self._new("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", orientation, strict=True))),
        )
        return self._new("geometry_msgs/msg/PoseStamped", header=self._header, pose=pose)

    def image(self, pixels: NDArray[Any], encoding: str) -> Any:
        """Image message of pixels (H, W) or (H, W, C), whose type fits the encoding."""
        height, width = pixels.shape[:2]
        return self._new(
            "sensor_msgs/msg/Image",
            header=self._header,
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=pixels.dtype.itemsize * pixels[0].size,
            data=np.ascontiguousarray(pixels).reshape(-1).view(np.uint8),
        )

    def objects(self, objects: tuple[ObjectDistance, ...]) -> Any:
        return self._new(
            "unity_depth_perception/msg/ObjectDistanceArray",
            header=self._header,
            depth_model=_TRUTH,
            segmentation_model=_TRUTH,
            objects=[self._object(item) for item in objects],
        )

    def _object(self, item: ObjectDistance) -> Any:
        x_min, y_min, x_max, y_max = item.bbox
        statistics = {name: getattr(item.distance, name) for name in ("center", "mean", "median", "min", "max")}
        return self._new(
            "unity_depth_perception/msg/ObjectDistance",
            id=item.id,
            parent_id=_NO_PARENT if item.parent_id is None else item.parent_id,
            category=item.category,
            score=item.score,
            bbox=self._region(x_min, y_min, x_max, y_max),
            distance=self._new("unity_depth_perception/msg/DistanceStatistics", **statistics),
            range=item.range_m,
            position=self._point(item.position_m),
            valid_ratio=item.valid_ratio,
            pixel_count=item.pixel_count,
        )

    def _point(self, xyz: Any) -> Any:
        return self._new("geometry_msgs/msg/Point", **dict(zip("xyz", xyz, strict=True)))

    def _region(self, x_min: int, y_min: int, x_max: int, y_max: int) -> Any:
        return self._new(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=x_min,
            y_offset=y_min,
            height=y_max - y_min,
            width=x_max - x_min,
            do_rectify=False,
        )
