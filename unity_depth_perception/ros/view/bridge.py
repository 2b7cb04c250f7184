"""Subscriptions that a live view needs at the moment, and their messages on the way to its viewers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.node import Node

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.parameters.view_table import ViewConfig
from unity_depth_perception.ros.silence import Silence
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription, QosMismatches
from unity_depth_perception.ros.view.topics import OBJECTS, OVERLAY, TOPICS
from unity_depth_perception.view import foxglove_messages as fox
from unity_depth_perception.view import foxglove_server as kinds
from unity_depth_perception.view.foxglove_server import FoxgloveServer
from unity_depth_perception.view.json_messages import diagnostics_json, distances_json, page_json
from unity_depth_perception.view.page_server import PageServer

_CHECK_PERIOD_S = 1.0
_SILENT_S = 3.0
_LOG_PERIOD_S = 5.0
_PAGE_TOPICS = (OBJECTS, OVERLAY, DIAGNOSTICS_TOPIC)
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    kinds.IMAGE: lambda message: fox.compressed_image(message.header, rgb_of(message)),
    kinds.DEPTH: fox.raw_image,
    kinds.CLOUD: fox.point_cloud,
    kinds.SCENE: fox.scene_update,
    kinds.FRAMES: fox.frame_transforms,
    kinds.CAMERA: fox.camera_calibration,
    kinds.DISTANCES: distances_json,
    kinds.DIAGNOSTICS: diagnostics_json,
}


class ViewBridge:
    """Both servers, and a subscription for each topic that one of their viewers looks at.

    The servers call from threads of their own; subscriptions are made and ended by the node's executor.
    """

    def __init__(self, node: Node, config: ViewConfig) -> None:
        """Start both servers, and the recording.

        Raises:
            ConfigurationError: an address cannot be listened on, or the recording cannot be written.
        """
        self._node = node
        self._records = bool(config.record)
        self._lock = threading.Lock()
        self._names = {node.resolve_topic_name(name): name for name in TOPICS}
        self._in_foxglove: set[str] = set()  # full names
        self._page_open = False
        self._subscriptions: dict[str, QosMatchingSubscription] = {}
        self._mismatches = QosMismatches(node)
        self._silence = Silence(node, node.resolve_topic_name(OBJECTS), self._mismatches)
        self._last_objects_s = 0.0
        self._wake = node.create_guard_condition(self._subscribe)
        self._timer = node.create_timer(_CHECK_PERIOD_S, self._check)
        self.page = PageServer(config.host, config.page_port, self._watch_page)
        try:
            served = {full: TOPICS[name].kind for full, name in self._names.items()}
            record = Path(config.record).expanduser() if config.record else None
            self.foxglove = FoxgloveServer(config.host, config.foxglove_port, served, self._watch_foxglove, record)
        except PerceptionError:
            self.page.stop()
            raise
        self._wake.trigger()

    @property
    def subscribed(self) -> list[str]:
        """Full names of the topics that are subscribed to now."""
        return sorted(self._subscriptions)

    def close(self) -> None:
        """Stop the servers and end all subscriptions."""
        self.foxglove.stop()  # the servers first: they wake the node as their viewers go
        self.page.stop()
        self._node.destroy_timer(self._timer)
        self._node.destroy_guard_condition(self._wake)
        for subscription in self._subscriptions.values():
            subscription.close()

    def _watch_foxglove(self, topic: str, wanted: bool) -> None:
        with self._lock:
            (self._in_foxglove.add if wanted else self._in_foxglove.discard)(topic)
        self._wake.trigger()

    def _watch_page(self, wanted: bool) -> None:
        with self._lock:
            self._page_open = wanted
        self._wake.trigger()

    def _wanted(self) -> dict[str, str]:
        """Topics that somebody looks at or that are recorded: name by full name."""
        with self._lock:
            return {
                full: name
                for full, name in self._names.items()
                if self._records or full in self._in_foxglove or (self._page_open and name in _PAGE_TOPICS)
            }

    def _subscribe(self) -> None:
        """Subscribe to what is wanted, and to nothing else."""
        wanted = self._wanted()
        for full in self._subscriptions.keys() - wanted.keys():
            self._subscriptions.pop(full).close()
        for full in wanted.keys() - self._subscriptions.keys():
            topic = TOPICS[wanted[full]]
            self._subscriptions[full] = QosMatchingSubscription(
                self._node, topic.message_type, full, self._taker(full), self._mismatches, depth=topic.depth
            )

    def _check(self) -> None:
        """Follow the publishers' QoS, and tell the page why nothing arrives."""
        for subscription in self._subscriptions.values():
            subscription.match_publishers()
        if self._page_open and time.monotonic() > self._last_objects_s + _SILENT_S:
            self.page.show_status(self._silence.reason())

    def _taker(self, full: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            try:
                self._show(full, message)
            except PerceptionError as error:
                self._node.get_logger().warning(f"{full}: {error}", throttle_duration_sec=_LOG_PERIOD_S)

        return take

    def _show(self, full: str, message: Any) -> None:
        name = self._names[full]
        if self._records or full in self._in_foxglove:
            self.foxglove.send(full, _CONVERSIONS[TOPICS[name].kind](message))
        if not self._page_open:
            return
        if name == OBJECTS:
            self._last_objects_s = time.monotonic()
            self.page.show_objects(page_json(message))
        elif name == OVERLAY:
            self.page.show_picture(rgb_of(message))
        elif name == DIAGNOSTICS_TOPIC:
            self._silence.take_diagnostics(message)
