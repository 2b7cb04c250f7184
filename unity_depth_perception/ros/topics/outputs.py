"""Output topics of a PerceptionResult; a message without subscribers is not computed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from unity_depth_perception.export.overlay.picture import overlay_picture
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.detections import (
    ClassIds,
    detections_2d_message,
    detections_3d_message,
    label_info_message,
)
from unity_depth_perception.ros.conversions.headers import header_of
from unity_depth_perception.ros.conversions.images import depth_message, image_message, instance_message
from unity_depth_perception.ros.conversions.markers import delete_markers_message, markers_message
from unity_depth_perception.ros.conversions.objects_and_clouds import cloud_message, distances_message
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement
from unity_depth_perception.ros.topics.qos import LATCHED_QOS, OUTPUT_QOS, QosMismatches, create_output_publisher

Config = Any  # parameters of the publishing node; a conversion reads only those that all nodes with its topic have


class View(NamedTuple):
    """How results are expressed in messages.

    Attributes:
        config: parameters of the publishing node.
        class_ids: the class map.
        placement: frame of boxes, positions and cloud.
        interval_s: between results; 0: not known yet.
    """

    config: Config
    class_ids: ClassIds
    placement: Placement = OPTICAL
    interval_s: float = 0.0


class Output(NamedTuple):
    """An output topic: message type, conversion of a result to the message, content in words (docs), QoS."""

    message_type: type[Any]
    convert: Callable[[PerceptionResult, View], Any]
    content: str
    profile: QoSProfile = OUTPUT_QOS


def _overlay_message(result: PerceptionResult, view: View) -> Image:
    instances = result.segmentation.instances.cpu().numpy()
    return image_message(
        header_of(result), overlay_picture(result.rgb.cpu().numpy(), instances, result.objects), "rgb8"
    )


CLASSES = "objects/label_info"
MARKERS = "objects/markers"
# In the order of publication, small messages first: distances should not wait for the point cloud.
_OUTPUTS: dict[str, Output] = {
    "objects/distances": Output(
        ObjectDistanceArray,
        lambda r, v: distances_message(r, v.placement),
        "one entry per object: category, score, box, distances, position, parent",
    ),
    "objects/detections_2d": Output(
        Detection2DArray, lambda r, v: detections_2d_message(r, v.class_ids), "boxes in the image"
    ),
    "objects/detections_3d": Output(
        Detection3DArray,
        lambda r, v: detections_3d_message(r, v.class_ids, v.placement),
        "boxes of the visible surfaces; ids as in 2D",
    ),
    CLASSES: Output(
        LabelInfo,
        lambda _, v: label_info_message(v.class_ids, v.config.min_score),
        "class map: number and name of each category; constant",
        LATCHED_QOS,
    ),
    MARKERS: Output(
        MarkerArray,
        lambda r, v: markers_message(r, v.placement, v.interval_s),
        "boxes, texts, arrows to what each object stands on",
    ),
    "depth/camera_info": Output(
        CameraInfo,
        lambda r, _: camera_info_message(header_of(r), r.frame.camera),
        "intrinsics of the depth image: rectified, D = 0, K = P",
    ),
    "objects/instances": Output(
        Image,
        lambda r, _: instance_message(header_of(r), r.segmentation.instances),
        "16UC1: 0 background, k = object with id k - 1",
    ),
    "depth/image_rect": Output(
        Image,
        lambda r, v: depth_message(header_of(r), r.depth.depth_m, v.config.depth_encoding),
        "planar depth: 32FC1 metres, NaN invalid, +Inf sky; 16UC1 millimetres on request",
    ),
    "depth/points": Output(
        PointCloud2, lambda r, v: cloud_message(r, v.placement), "x y z rgb, organised as the image"
    ),
    "debug/overlay": Output(Image, _overlay_message, "masks, contours, distances and parents over the image"),
}

OUTPUTS = tuple(_OUTPUTS)


CONTENTS = {name: (output.message_type, output.content) for name, output in _OUTPUTS.items()}
"""Message type and content in words of each output, for the reference in docs/."""


def message_of(name: str, result: PerceptionResult, view: View) -> Any:
    """The message of one of OUTPUTS for a result."""
    return _OUTPUTS[name].convert(result, view)


DEPTH_OUTPUTS = ("depth/camera_info", "depth/image_rect", "depth/points")
SEGMENTATION_OUTPUTS = ("objects/detections_2d", "objects/label_info", "objects/instances", "debug/overlay")
DISTANCE_OUTPUTS = ("objects/distances", "objects/detections_3d", "objects/markers")


_DELIVERY_LIMIT = Duration(seconds=1)  # a subscriber that hangs does not hold up the node's end
_INTERVALS = 10  # between results, of which the median counts


class ResultPublishers:
    """Lifecycle publishers of the outputs of a node."""

    def __init__(
        self,
        node: LifecycleNode,
        names: tuple[str, ...],
        config: Callable[[], Config],
        mismatches: QosMismatches,
        class_ids: Callable[[], ClassIds],
    ) -> None:
        """Creates the publishers `names` of `OUTPUTS`; `config` and `class_ids` are called for each frame."""
        self._node = node
        self._config = config
        self._class_ids = class_ids
        self._times_s: deque[float] = deque(maxlen=_INTERVALS + 1)
        self._lock = threading.Lock()  # frames come from the worker, clear() from the executor
        self._is_open = False
        self._publishers = {
            name: create_output_publisher(node, _OUTPUTS[name].message_type, name, mismatches, _OUTPUTS[name].profile)
            for name in names
        }

    @property
    def has_subscribers(self) -> bool:
        """Whether any enabled output that frames have has a subscriber."""
        return any(self.is_subscribed(name) for name in self._publishers if name != CLASSES)

    def is_subscribed(self, name: str) -> bool:
        """Whether an output is enabled (parameter `outputs`) and has a subscriber."""
        return name in self._config().outputs and self._publishers[name].get_subscription_count() > 0

    def open(self) -> None:
        """From now on frames are published; publish the class map, once: late subscribers get it too."""
        with self._lock:
            self._is_open = True
        if CLASSES in self._publishers and CLASSES in self._config().outputs:
            message = label_info_message(self._class_ids(), self._config().min_score)
            message.header.stamp = self._node.get_clock().now().to_msg()
            self._publishers[CLASSES].publish(message)

    def publish(self, result: PerceptionResult, placement: Placement = OPTICAL) -> None:
        """Convert and publish the outputs that have subscribers; nothing after `clear` or before `open`."""
        self._times_s.append(time.monotonic())
        view = View(self._config(), self._class_ids(), placement, self._interval_s)
        for name, publisher in self._publishers.items():
            if name != CLASSES and self.is_subscribed(name):
                message = _OUTPUTS[name].convert(result, view)
                with self._lock:
                    if self._is_open:
                        publisher.publish(message)

    def clear(self) -> None:
        """Delete the markers of the last frame from RViz, and publish no more, not even the frame in process.

        Waits until the subscribers have the deletion: DDS does not deliver what a publisher leaves behind at its end.
        """
        with self._lock:
            self._is_open = False
        if MARKERS in self._publishers and self.is_subscribed(MARKERS):
            self._publishers[MARKERS].publish(delete_markers_message())
            self._publishers[MARKERS].wait_for_all_acked(_DELIVERY_LIMIT)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    @property
    def _interval_s(self) -> float:
        times = list(self._times_s)
        return median(b - a for a, b in pairwise(times)) if len(times) > 1 else 0.0
