"""The demo's own node: collects results and ground truth by stamp, and controls virtual Unity's lifecycle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.demo.node_setup import CAMERA_NAMESPACE, CAMERA_NODE, PERCEPTION_NAMESPACE, PERCEPTION_NODE
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC, values_of
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

# Topics that pictures, point cloud and depth metrics of one frame are made from.
_CAPTURED: dict[str, type[Any]] = {
    f"{CAMERA_NAMESPACE}/image_raw": Image,
    f"{CAMERA_NAMESPACE}/ground_truth/depth": Image,
    f"{CAMERA_NAMESPACE}/ground_truth/instances": Image,
    f"{PERCEPTION_NAMESPACE}/depth/camera_info": CameraInfo,
    f"{PERCEPTION_NAMESPACE}/depth/image_rect": Image,
    f"{PERCEPTION_NAMESPACE}/depth/points": PointCloud2,
    f"{PERCEPTION_NAMESPACE}/objects/instances": Image,
}


@dataclass(frozen=True)
class Result:
    """The objects of one frame, and their time of arrival [ns since 1970]."""

    message: ObjectDistanceArray
    objects: tuple[ObjectDistance, ...]
    arrived_unix_ns: int


@dataclass(frozen=True)
class NodeReport:
    """The last diagnostics of a node, and their time of arrival [s, `time.monotonic`]."""

    level: bytes
    text: str
    values: dict[str, str]
    arrived_s: float


@dataclass
class Follower:
    """Collects results and ground truth by stamp [ns]; a frame is followed once both have arrived."""

    node: Node
    results: dict[int, Result] = field(default_factory=dict)
    truth: dict[int, tuple[ObjectDistance, ...]] = field(default_factory=dict)
    reports: dict[str, NodeReport] = field(default_factory=dict)
    messages: dict[str, dict[int, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._listen(ObjectDistanceArray, f"{PERCEPTION_NAMESPACE}/objects/distances", self._take_result)
        self._listen(ObjectDistanceArray, f"{CAMERA_NAMESPACE}/ground_truth/objects", self._take_truth)
        self._listen(DiagnosticArray, DIAGNOSTICS_TOPIC, self._take_diagnostics)
        self._change_state = self.node.create_client(ChangeState, f"{CAMERA_NODE}/change_state")

    @property
    def followed(self) -> list[int]:
        """Stamps [ns] of the frames whose result and ground truth have arrived, in order."""
        return sorted(self.results.keys() & self.truth.keys())

    def capture(self) -> None:
        """Subscribe to images, depth and point cloud too."""
        for topic, message_type in _CAPTURED.items():
            self.messages[topic] = {}
            self._listen(message_type, topic, self._keeper(topic))

    def captured(self) -> int | None:
        """Stamp [ns] of the newest frame of which all messages have arrived; None if there is none."""
        complete = set(self.followed).intersection(*(by_stamp.keys() for by_stamp in self.messages.values()))
        return max(complete) if complete and self.messages else None

    def camera_ready(self) -> bool:
        """Whether virtual Unity's lifecycle service is available."""
        return bool(self._change_state.service_is_ready())

    def change_camera_state(self, transition: int) -> Future:
        """Request a transition of lifecycle_msgs/Transition from virtual Unity."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self._change_state.call_async(request)

    def latency_ms(self) -> list[float]:
        """Milliseconds from publication of each followed image to arrival of its objects, in order of stamps."""
        # Stamps count from an origin that virtual Unity publishes in its diagnostics.
        origin_ns = int(self.reports[CAMERA_NODE].values["origin [unix ns]"])
        return [(self.results[stamp].arrived_unix_ns - origin_ns - stamp) / 1e6 for stamp in self.followed]

    def _listen(self, message_type: type[Any], topic: str, take: Callable[[Any], None]) -> None:
        self.node.create_subscription(message_type, topic, take, OUTPUT_QOS)

    def _keeper(self, topic: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            self.messages[topic][stamp_ns_of(message.header)] = message

        return keep

    def _take_result(self, message: ObjectDistanceArray) -> None:
        self.results[stamp_ns_of(message.header)] = Result(message, objects_of(message), time.time_ns())

    def _take_truth(self, message: ObjectDistanceArray) -> None:
        self.truth[stamp_ns_of(message.header)] = objects_of(message)

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for name in (CAMERA_NODE, PERCEPTION_NODE):
            if found := values_of(message, name):
                status: DiagnosticStatus = found[0]
                self.reports[name] = NodeReport(status.level, status.message, found[1], time.monotonic())
