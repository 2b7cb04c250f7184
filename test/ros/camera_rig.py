"""A node under test with a camera that publishes to it and a subscription to its distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import Graph
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from stand_ins import camera_info, image
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

BEST_EFFORT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
MakeNode = Callable[..., PerceptionNode]


class CameraRig:
    """A node under test, publishers of image and camera_info, and the distances that it has published."""

    def __init__(
        self, graph: Graph, node: Any, qos: QoSProfile = OUTPUT_QOS, topic: str = "image_raw", kind: type[Any] = Image
    ) -> None:
        self.graph, self.node = graph, node
        assert node.autostart()
        self.images = graph.node.create_publisher(kind, topic, qos)
        self.infos = graph.node.create_publisher(CameraInfo, "camera_info", qos)
        self.distances = graph.collect(ObjectDistanceArray, "objects/distances")
        graph.spin_until(lambda: self._connected, "the node to be connected")

    @property
    def _connected(self) -> bool:
        watched = self.node._result_publishers is not None and self.node._result_publishers.has_subscribers
        return watched and min(p.get_subscription_count() for p in (self.images, self.infos)) > 0

    def send_info(self, message: CameraInfo | None = None) -> None:
        self.infos.publish(message or camera_info())
        intrinsics, before = self.node._source.intrinsics, self.node.counts["refused inputs"]
        self.graph.spin_until(
            lambda: intrinsics.age_s is not None or self.node.counts["refused inputs"] > before, "camera_info"
        )

    def expect(self, outcome: str, count: int) -> None:
        self.graph.spin_until(lambda: self.node.counts[outcome] >= count, f"{count} frames {outcome}")
        assert self.node.counts[outcome] == count

    def process(self, message: Any) -> ObjectDistanceArray:
        """Publish an image and wait for its distances."""
        count = len(self.distances)
        self.images.publish(message)
        self.graph.spin_until(lambda: len(self.distances) > count, "distances")
        return self.distances[-1]

    def replace_camera(self, qos: QoSProfile) -> None:
        """Destroy the publisher of images and create it again with another QoS."""
        self.graph.node.destroy_publisher(self.images)
        self.images = self.graph.node.create_publisher(Image, "image_raw", qos)
        frames = self.node._source.subscriptions[0]
        self.graph.spin_until(
            lambda: frames.qos.reliability == qos.reliability and self._connected, "the new offer to be adopted"
        )

    def expect_good_frame_processed(self, stamp_ns: int = 99) -> None:
        self.send_info()
        self.images.publish(image(stamp_ns))
        self.graph.spin_until(lambda: bool(self.distances), "the good frame's distances")
        assert stamp_ns_of(self.distances[-1].header) == stamp_ns
