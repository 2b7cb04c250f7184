"""Snapshot of a running ROS graph: topics with their publishers and subscriptions, diagnostics, input images."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC, IMAGE_TOPIC

_NODE_NAME = "unity_depth_doctor"
_IMAGE = "sensor_msgs/msg/Image"
# Compatible with best-effort and with reliable publishers.
_COMPATIBLE_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class TopicEndpoint:
    """A publisher or subscription: full node name; RELIABLE or BEST_EFFORT; VOLATILE or TRANSIENT_LOCAL."""

    node: str
    reliability: str
    durability: str


@dataclass(frozen=True)
class Topic:
    """A topic with its publishers and subscriptions."""

    name: str
    type: str
    publishers: tuple[TopicEndpoint, ...]
    subscriptions: tuple[TopicEndpoint, ...]


@dataclass(frozen=True)
class Status:
    """A status of /diagnostics; level 0 is OK, 1 WARN, 2 ERROR, 3 STALE."""

    level: int
    text: str
    values: dict[str, str]


@dataclass(frozen=True)
class GraphSnapshot:
    """State of a ROS graph at one time.

    Attributes:
        domain_id: the ROS domain.
        topics: all topics, without the publishers and subscriptions of the snapshot's own node.
        statuses: last status of /diagnostics by name; the nodes of this package use `<full node name>: frames`.
        images: by topic, (H, W, 3) uint8 RGB: the last image of each topic that a node of this package subscribes to.
        unreadable: by topic, why its last image cannot be converted.
    """

    domain_id: int
    topics: tuple[Topic, ...]
    statuses: dict[str, Status]
    images: dict[str, NDArray[np.uint8]]
    unreadable: dict[str, str]

    def is_input(self, topic: Topic) -> bool:
        """Whether a node of this package takes a topic, though perhaps not now: it does not while nobody watches."""
        taken = {status.values.get(IMAGE_TOPIC) for status in self.statuses.values()}
        return topic.name in taken or any(end.node in self.nodes for end in topic.subscriptions)

    @property
    def nodes(self) -> list[str]:
        """Full names of the nodes of this package: those with a status `<full node name>: frames`."""
        return [name.removesuffix(_FRAMES) for name in self.statuses if name.endswith(_FRAMES)]


_FRAMES = ": frames"


def take_snapshot(seconds: float, domain_id: int | None = None) -> GraphSnapshot:
    """Observe the graph of `domain_id` (default: ROS_DOMAIN_ID) for `seconds`."""
    domain_id = int(os.environ.get("ROS_DOMAIN_ID", 0)) if domain_id is None else domain_id
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    try:
        return _SnapshotNode(rclpy.create_node(_NODE_NAME, context=context), context).observe(seconds, domain_id)
    finally:
        rclpy.shutdown(context=context)


class _SnapshotNode:
    def __init__(self, node: Node, context: Any) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(node)
        self._statuses: dict[str, Status] = {}
        self._images: dict[str, Image] = {}
        node.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._take_statuses, 100)

    def observe(self, seconds: float, domain_id: int) -> GraphSnapshot:
        """Spend half of the time on discovery, the other half on receiving the images that the nodes receive."""
        self._spin(seconds / 2)
        snapshot = GraphSnapshot(domain_id, self._topics(), self._statuses, {}, {})
        for topic in snapshot.topics:
            if topic.type == _IMAGE and snapshot.is_input(topic):
                self._node.create_subscription(Image, topic.name, self._keeper(topic.name), _COMPATIBLE_QOS)
        self._spin(seconds / 2)
        images: dict[str, NDArray[np.uint8]] = {}
        unreadable: dict[str, str] = {}
        for name, message in self._images.items():
            try:
                images[name] = rgb_of(message)
            except ImageError as error:
                unreadable[name] = str(error)
        return GraphSnapshot(domain_id, self._topics(), self._statuses, images, unreadable)

    def _spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _topics(self) -> tuple[Topic, ...]:
        node = self._node
        return tuple(
            Topic(
                name,
                types[0],
                _endpoints(node.get_publishers_info_by_topic(name)),
                _endpoints(node.get_subscriptions_info_by_topic(name)),
            )
            for name, types in node.get_topic_names_and_types()
        )

    def _take_statuses(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            self._statuses[status.name] = Status(status.level[0], status.message, values)

    def _keeper(self, topic: str) -> Callable[[Image], None]:
        def keep(message: Image) -> None:
            self._images[topic] = message

        return keep


def _endpoints(infos: list[Any]) -> tuple[TopicEndpoint, ...]:
    endpoints = []
    for info in infos:
        name = f"{info.node_namespace.rstrip('/')}/{info.node_name}"
        if info.node_name != _NODE_NAME:
            endpoints.append(TopicEndpoint(name, info.qos_profile.reliability.name, info.qos_profile.durability.name))
    return tuple(endpoints)
