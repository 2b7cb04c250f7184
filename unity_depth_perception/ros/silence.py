"""Why no objects arrive on a topic: no publisher, QoS, or what the publishing node reports."""

from __future__ import annotations

import os

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from unity_depth_perception.ros.topics.qos import QosMismatches

_TYPE = "unity_depth_perception/msg/ObjectDistanceArray"


class Silence:
    """Explains why no objects arrive on a topic; `refused` is why the last message cannot be read."""

    def __init__(self, node: Node, topic: str, mismatches: QosMismatches) -> None:
        """`topic` is a full name."""
        self.refused = ""
        self._node, self._topic, self._mismatches = node, topic, mismatches
        self._reports: dict[str, str] = {}  # by name of the node

    def take_diagnostics(self, message: DiagnosticArray) -> None:
        """Remember what the nodes report."""
        for status in message.status:
            self._reports[status.name.partition(":")[0]] = status.message

    def reason(self) -> str:
        """Why nothing arrives, and what to do, in sentences."""
        if self.refused:
            return f"The last message cannot be read: {self.refused}."
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        if not publishers:
            return self._no_publisher()
        if self._mismatches.count:
            return f"Nothing arrives, because {self._mismatches.last}. `unity-depth doctor --graph` says more."
        names = sorted({f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in publishers})
        reports = [f"{name} says: {self._reports[name]}." for name in names if name in self._reports]
        waiting = f"{', '.join(names)} publishes {self._topic}, but nothing arrives."
        return " ".join([waiting, *reports])

    def _no_publisher(self) -> str:
        domain = os.environ.get("ROS_DOMAIN_ID") or "0"
        reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
        others = [name for name, types in self._node.get_topic_names_and_types() if _TYPE in types]
        others = [name for name in others if name != self._topic and self._node.count_publishers(name)]
        start = f"Nobody publishes {self._topic} in ROS domain {domain} (discovery range {reach})."
        if others:
            return f"{start} Objects are published on {', '.join(sorted(others))}."
        return f"{start} Start perception_node, or set ROS_DOMAIN_ID to that of the running one."
