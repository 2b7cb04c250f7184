"""Newest objects of a topic of ObjectDistanceArray, and the reason where none arrive."""

from __future__ import annotations

import os
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription, QosMismatches
from unity_depth_perception.view.frame import ObjectFrame, Rate

_TYPE = "unity_depth_perception/msg/ObjectDistanceArray"
_MATCH_PERIOD_S = 1.0


def frame_of(message: ObjectDistanceArray) -> ObjectFrame:
    """The objects of a message that arrives now.

    Raises:
        InputError: an object is impossible.
    """
    return ObjectFrame(
        objects=objects_of(message),
        stamp_ns=stamp_ns_of(message.header),
        frame_id=message.header.frame_id,
        arrived_s=time.monotonic(),
        depth_model=message.depth_model,
        segmentation_model=message.segmentation_model,
    )


class ObjectWatch:
    """Follows one topic of ObjectDistanceArray on a node that somebody spins.

    Attributes:
        frame: the newest objects; None before the first.
        rate: frames per second.
        topic: full name of the topic.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Subscribe to `topic`, with the QoS that its publishers offer."""
        self.frame: ObjectFrame | None = None
        self.rate = Rate()
        self._node = node
        self._refused = ""
        self._reports: dict[str, str] = {}  # by name of the node
        self._mismatches = QosMismatches(node)
        self._subscription = QosMatchingSubscription(node, ObjectDistanceArray, topic, self._take, self._mismatches)
        self.topic = self._subscription.topic
        node.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._take_diagnostics, 10)
        node.create_timer(_MATCH_PERIOD_S, self._subscription.match_publishers)

    def reason(self) -> str:
        """Why nothing arrives, and what to do, in sentences: no publisher, QoS, or what the publisher reports."""
        if self._refused:
            return f"The last message cannot be read: {self._refused}."
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return self._no_publisher()
        if self._mismatches.count:
            return f"Nothing arrives, because {self._mismatches.last}. `unity-depth doctor --graph` says more."
        names = sorted({f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in publishers})
        reports = [f"{name} says: {self._reports[name]}." for name in names if name in self._reports]
        waiting = f"{', '.join(names)} publishes {self.topic}, but nothing has arrived yet."
        return " ".join([waiting, *reports])

    def _no_publisher(self) -> str:
        domain = os.environ.get("ROS_DOMAIN_ID") or "0"
        reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
        others = [name for name, types in self._node.get_topic_names_and_types() if _TYPE in types]
        others = [name for name in others if name != self.topic and self._node.count_publishers(name)]
        start = f"Nobody publishes {self.topic} in ROS domain {domain} (discovery range {reach})."
        if others:
            return f"{start} Objects are published on {', '.join(sorted(others))}: give one as --topic."
        return f"{start} Start perception_node, or set ROS_DOMAIN_ID to that of the running one."

    def _take(self, message: ObjectDistanceArray) -> None:
        try:
            self.frame, self._refused = frame_of(message), ""
        except InputError as error:
            self._refused = str(error)
            return
        self.rate.add()

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._reports[status.name.partition(":")[0]] = status.message
