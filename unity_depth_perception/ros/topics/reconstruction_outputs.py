"""Topics of a reconstruction: fused cloud, poses and path of its keyframes, for late subscribers too."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseArray
from nav_msgs.msg import Path
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from unity_depth_perception.export.scene import Scene
from unity_depth_perception.ros.conversions.scenes import path_message, pose_array_message, scene_cloud_message
from unity_depth_perception.ros.topics.qos import LATCHED_QOS, QosMismatches, create_output_publisher

POINTS, POSES, PATH = "reconstruction/points", "reconstruction/poses", "reconstruction/path"
CONTENTS: dict[str, tuple[type[Any], str]] = {
    POINTS: (PointCloud2, "fused cloud of the last `~/reconstruct`: x y z rgb; this and the next two are latched"),
    POSES: (PoseArray, "optical frames of its keyframes"),
    PATH: (Path, "the same, each with the stamp of its image"),
}
"""Message type and content of each topic."""


class ReconstructionPublishers:
    """Lifecycle publishers of the topics of a reconstruction."""

    def __init__(self, node: LifecycleNode, mismatches: QosMismatches) -> None:
        self._node = node
        self._publishers = {
            name: create_output_publisher(node, kind, name, mismatches, LATCHED_QOS)
            for name, (kind, _) in CONTENTS.items()
        }

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody subscribes to one of the topics."""
        return any(publisher.get_subscription_count() > 0 for publisher in self._publishers.values())

    def publish(self, scene: Scene, header: Header, stamps_ns: list[int]) -> None:
        """Publish a scene.

        Args:
            header: world frame of the scene, and the stamp at which it holds.
            stamps_ns: of the scene's views.
        """
        self._publishers[POSES].publish(pose_array_message(header, scene))
        self._publishers[PATH].publish(path_message(header, scene, stamps_ns))
        self._publishers[POINTS].publish(scene_cloud_message(header, scene))

    def close(self) -> None:
        """Destroy the publishers, and what late subscribers would get."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
