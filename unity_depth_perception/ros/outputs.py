"""The topics on which a result goes out; what nobody subscribes to is not computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.cameras import camera_info_message
from unity_depth_perception.ros.images import depth_message, instance_message
from unity_depth_perception.ros.qos import OUTPUT_QOS
from unity_depth_perception.ros.results import cloud_message, distances_message, header_of

Convert = Callable[[PerceptionResult], Any]


class ResultPublishers:
    """Publishers of everything that a PerceptionResult says."""

    def __init__(self, node: LifecycleNode, depth_encoding: Callable[[], str]) -> None:
        """`depth_encoding` is asked for each frame: it may change at run time."""
        # The smallest first: distances should not wait for a cloud.
        outputs: list[tuple[str, type[Any], Convert]] = [
            ("objects/distances", ObjectDistanceArray, distances_message),
            ("depth/camera_info", CameraInfo, lambda r: camera_info_message(header_of(r), r.frame.camera)),
            ("objects/instances", Image, lambda r: instance_message(header_of(r), r.segmentation.instances)),
            ("depth/image_rect", Image, lambda r: depth_message(header_of(r), r.depth.depth_m, depth_encoding())),
            ("depth/points", PointCloud2, cloud_message),
        ]
        self._node = node
        self._outputs = [
            (node.create_lifecycle_publisher(message_type, topic, OUTPUT_QOS), convert)
            for topic, message_type, convert in outputs
        ]

    @property
    def watched(self) -> bool:
        """Whether anybody subscribes to anything."""
        return any(publisher.get_subscription_count() > 0 for publisher, _ in self._outputs)

    def publish(self, result: PerceptionResult) -> None:
        """Convert and publish what somebody subscribes to."""
        for publisher, convert in self._outputs:
            if publisher.get_subscription_count() > 0:
                publisher.publish(convert(result))

    def close(self) -> None:
        """Take the topics away."""
        for publisher, _ in self._outputs:
            self._node.destroy_lifecycle_publisher(publisher)
