"""A look at the running ROS graph: who offers and who hears what, what the nodes say, and one image of each input."""

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
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC

_NAME = "unity_depth_doctor"
_IMAGE = "sensor_msgs/msg/Image"
# Hears best-effort publishers and reliable ones.
_ANY_OFFER = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class End:
    """A publisher or a subscription: its node's full name, RELIABLE or BEST_EFFORT, VOLATILE or TRANSIENT_LOCAL."""

    node: str
    reliability: str
    durability: str


@dataclass(frozen=True)
class Topic:
    """A topic with everybody at its two ends."""

    name: str
    type: str
    publishers: tuple[End, ...]
    subscriptions: tuple[End, ...]


@dataclass(frozen=True)
class Status:
    """What a node says on /diagnostics; level 0 is OK, 1 WARN, 2 ERROR, 3 STALE."""

    level: int
    text: str
    values: dict[str, str]


@dataclass(frozen=True)
class GraphSnapshot:
    """The graph as it was seen.

    Attributes:
        domain_id: the ROS domain that was looked at.
        topics: all but this package's own looking.
        statuses: by name, `<full node name>: frames` for the nodes of this package.
        images: by topic, (H, W, 3) uint8 RGB: the last image of each topic that a node of this package hears.
        unreadable: by topic, why its last image cannot be read.
    """

    domain_id: int
    topics: tuple[Topic, ...]
    statuses: dict[str, Status]
    images: dict[str, NDArray[np.uint8]]
    unreadable: dict[str, str]

    @property
    def nodes(self) -> list[str]:
        """Full names of the nodes that report frames, which the nodes of this package do."""
        return [name.removesuffix(_FRAMES) for name in self.statuses if name.endswith(_FRAMES)]


_FRAMES = ": frames"


def look(seconds: float, domain_id: int | None = None) -> GraphSnapshot:
    """Listen to the graph of `domain_id` (default: ROS_DOMAIN_ID) for a while."""
    domain_id = int(os.environ.get("ROS_DOMAIN_ID", 0)) if domain_id is None else domain_id
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    try:
        return _Watcher(rclpy.create_node(_NAME, context=context), context).watch(seconds, domain_id)
    finally:
        rclpy.shutdown(context=context)


class _Watcher:
    def __init__(self, node: Node, context: Any) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(node)
        self._statuses: dict[str, Status] = {}
        self._images: dict[str, Image] = {}
        node.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._take_statuses, 100)

    def watch(self, seconds: float, domain_id: int) -> GraphSnapshot:
        """Half of the time to find the nodes, the other half to hear what they hear."""
        self._spin(seconds / 2)
        view = GraphSnapshot(domain_id, self._topics(), self._statuses, {}, {})
        for topic in view.topics:
            if topic.type == _IMAGE and any(end.node in view.nodes for end in topic.subscriptions):
                self._node.create_subscription(Image, topic.name, self._keeper(topic.name), _ANY_OFFER)
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
                _ends(node.get_publishers_info_by_topic(name)),
                _ends(node.get_subscriptions_info_by_topic(name)),
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


def _ends(infos: list[Any]) -> tuple[End, ...]:
    ends = []
    for info in infos:
        name = f"{info.node_namespace.rstrip('/')}/{info.node_name}"
        if info.node_name != _NAME:
            ends.append(End(name, info.qos_profile.reliability.name, info.qos_profile.durability.name))
    return tuple(ends)
