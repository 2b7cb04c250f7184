"""Fake Unity: sends the image of one scene and its camera_info over TCP, again and again."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from rclpy.serialization import serialize_message
from stages import Scene
from std_msgs.msg import Header
from unity_client import UnityClient

from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.images import image_message

_STAMP_OFFSET = 4  # after 00 01 00 00 a message with a header begins with its stamp: int32 s, uint32 ns
_TOPICS = {"/image_raw": "sensor_msgs/Image", "/camera_info": "sensor_msgs/CameraInfo"}
_NS_PER_S = 1_000_000_000


class UnityFrames:
    """Sends frames whose stamps start at 0, as Unity's do."""

    def __init__(self, port: int, scene: Path) -> None:
        """Connects to the endpoint at 127.0.0.1."""
        given = Scene(scene)
        header = Header(frame_id="unity_camera_optical")
        messages = (image_message(header, given.image, "rgb8"), camera_info_message(header, given.camera))
        # Serialized once: only the stamp changes.
        self._payloads = {
            topic: bytearray(serialize_message(message)) for topic, message in zip(_TOPICS, messages, strict=True)
        }
        self._start_ns = time.time_ns()
        self._client = UnityClient(port)
        for topic, message_name in _TOPICS.items():
            self._client.register_publisher(topic, message_name)

    def send(self) -> bool:
        """Send one frame; True if it was sent."""
        stamp_ns = time.time_ns() - self._start_ns
        sent = True
        for topic, payload in reversed(self._payloads.items()):  # camera_info first
            struct.pack_into("<iI", payload, _STAMP_OFFSET, stamp_ns // _NS_PER_S, stamp_ns % _NS_PER_S)
            sent &= self._client.publish(topic, payload)
        return sent

    def play(self, rate_hz: float, count: int) -> tuple[int, int]:
        """Send `count` frames; return how many were sent, and how many of them more than a period late."""
        sent = late = 0
        start_s = time.perf_counter()
        for index in range(count):
            due_s = start_s + index / rate_hz
            time.sleep(max(due_s - time.perf_counter(), 0.0))
            late += time.perf_counter() - due_s > 1 / rate_hz
            sent += self.send()
        return sent, late

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
