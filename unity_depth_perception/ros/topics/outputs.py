"""Output topics of a PerceptionResult; a message without subscribers is not computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from unity_depth_perception.export.pictures import overlay_picture
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.detections import (
    detections_2d_message,
    detections_3d_message,
    label_info_message,
)
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.images import depth_message, image_message, instance_message
from unity_depth_perception.ros.conversions.markers import markers_message
from unity_depth_perception.ros.conversions.objects_and_clouds import cloud_message, distances_message
from unity_depth_perception.ros.topics.qos import LATCHED_QOS, OUTPUT_QOS, QosMismatches, create_output_publisher

Config = Any  # parameters of the publishing node; a conversion reads only those that all nodes with its topic have


class Output(NamedTuple):
    """An output topic: message type, conversion of a result to the message, QoS."""

    message_type: type[Any]
    convert: Callable[[PerceptionResult, Config], Any]
    profile: QoSProfile = OUTPUT_QOS


def _overlay_message(result: PerceptionResult, config: Config) -> Image:
    instances = result.segmentation.instances.cpu().numpy()
    return image_message(header_of(result), overlay_picture(result.frame.rgb, instances, result.objects), "rgb8")


# In the order of publication, small messages first: distances should not wait for the point cloud.
_OUTPUTS: dict[str, Output] = {
    "objects/distances": Output(ObjectDistanceArray, lambda r, _: distances_message(r)),
    "objects/detections_2d": Output(Detection2DArray, lambda r, _: detections_2d_message(r)),
    "objects/detections_3d": Output(Detection3DArray, lambda r, _: detections_3d_message(r)),
    "objects/label_info": Output(LabelInfo, lambda r, c: label_info_message(r, c.min_score), LATCHED_QOS),
    "objects/markers": Output(MarkerArray, lambda r, _: markers_message(r)),
    "depth/camera_info": Output(CameraInfo, lambda r, _: camera_info_message(header_of(r), r.frame.camera)),
    "objects/instances": Output(Image, lambda r, _: instance_message(header_of(r), r.segmentation.instances)),
    "depth/image_rect": Output(Image, lambda r, c: depth_message(header_of(r), r.depth.depth_m, c.depth_encoding)),
    "depth/points": Output(PointCloud2, lambda r, _: cloud_message(r)),
    "debug/overlay": Output(Image, _overlay_message),
}

OUTPUTS = tuple(_OUTPUTS)
DEPTH_OUTPUTS = ("depth/camera_info", "depth/image_rect", "depth/points")
SEGMENTATION_OUTPUTS = ("objects/detections_2d", "objects/label_info", "objects/instances", "debug/overlay")
DISTANCE_OUTPUTS = ("objects/distances", "objects/detections_3d", "objects/markers")


class ResultPublishers:
    """Lifecycle publishers of the outputs of a node."""

    def __init__(
        self, node: LifecycleNode, names: tuple[str, ...], config: Callable[[], Config], mismatches: QosMismatches
    ) -> None:
        """Creates the publishers `names` of `OUTPUTS`; `config` is called for each frame: parameters may change."""
        self._node = node
        self._config = config
        self._publishers = {
            name: create_output_publisher(node, _OUTPUTS[name].message_type, name, mismatches, _OUTPUTS[name].profile)
            for name in names
        }

    @property
    def has_subscribers(self) -> bool:
        """Whether any enabled output has a subscriber."""
        return any(self.is_subscribed(name) for name in self._publishers)

    def is_subscribed(self, name: str) -> bool:
        """Whether an output is enabled (parameter `outputs`) and has a subscriber."""
        return name in self._config().outputs and self._publishers[name].get_subscription_count() > 0

    def publish(self, result: PerceptionResult) -> None:
        """Convert and publish the outputs that have subscribers."""
        config = self._config()
        for name, publisher in self._publishers.items():
            if self.is_subscribed(name):
                publisher.publish(_OUTPUTS[name].convert(result, config))

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
