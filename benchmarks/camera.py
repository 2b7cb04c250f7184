"""The camera of the latency benchmarks: publishes images and measures when their results arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from stages import IMAGE, OBJECTS, SEEN, Scene
from std_msgs.msg import Header
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

_PAUSE_S = 0.02  # lets pending messages of the last frame arrive


class Camera:
    """Publishes the scene's image stamped with the system time, and records when its objects and cloud arrive."""

    def __init__(self, scene: Path) -> None:
        rclpy.init()
        self._scene = Scene(scene)
        self._node = rclpy.create_node("camera")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._image = image_message(Header(), self._scene.image, "rgb8")
        self._images = self._node.create_publisher(Image, IMAGE, OUTPUT_QOS)
        self._infos = self._node.create_publisher(CameraInfo, "camera_info", OUTPUT_QOS)
        self._objects_ms: dict[int, float] = {}
        self._cloud_ms: dict[int, float] = {}
        self._node.create_subscription(ObjectDistanceArray, OBJECTS, self._take_objects, OUTPUT_QOS)
        self._node.create_subscription(Header, SEEN, self._take_cloud, OUTPUT_QOS)

    def send(self, with_cloud: bool, deadline_s: float) -> list[float] | None:
        """Publish one image; return milliseconds to its objects [and its cloud], or None after the deadline."""
        header = Header(stamp=time_message(time.time_ns()), frame_id="camera")
        self._image.header = header
        self._infos.publish(camera_info_message(header, self._scene.camera))
        self._image.header.stamp = time_message(time.time_ns())
        stamp_ns = stamp_ns_of(self._image.header)
        self._images.publish(self._image)
        waited = [self._objects_ms] + ([self._cloud_ms] if with_cloud else [])
        arrived = self._spin_until(lambda: all(stamp_ns in times for times in waited), deadline_s)
        result = [times[stamp_ns] for times in waited] if arrived else None
        self._spin_until(lambda: False, _PAUSE_S)
        return result

    def wait_for_objects(self, deadline_s: float, check: Callable[[], None]) -> None:
        """Publish images until objects arrive; `check` ends the benchmark if a process has died."""
        self._wait(False, deadline_s, check)

    def wait_for_cloud(self, deadline_s: float, check: Callable[[], None]) -> None:
        """Publish images until a cloud arrives."""
        self._wait(True, deadline_s, check)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        rclpy.shutdown()

    def _wait(self, with_cloud: bool, deadline_s: float, check: Callable[[], None]) -> None:
        end = time.monotonic() + deadline_s
        while self.send(with_cloud, 2.0) is None:
            check()
            if time.monotonic() > end:
                raise SystemExit(
                    f"timed out after {deadline_s:g} s waiting for {'a cloud' if with_cloud else 'objects'}"
                )

    def _spin_until(self, condition: Callable[[], bool], deadline_s: float) -> bool:
        end = time.monotonic() + deadline_s
        while not condition():
            if (left := end - time.monotonic()) <= 0:
                return False
            self._executor.spin_once(timeout_sec=left)
        return True

    def _take_objects(self, message: ObjectDistanceArray) -> None:
        stamp_ns = stamp_ns_of(message.header)
        self._objects_ms[stamp_ns] = (time.time_ns() - stamp_ns) / 1e6

    def _take_cloud(self, message: Header) -> None:
        stamp_ns = stamp_ns_of(Image(header=message).header)
        self._cloud_ms[stamp_ns] = (int(message.frame_id) - stamp_ns) / 1e6
