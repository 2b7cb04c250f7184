"""Small bags in every form, written by rosbags; samples whose pixels tell the frames apart."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.bag.message_types import message_types
from unity_depth_perception.dataset.bag.sample_messages import CAMERA_NAMESPACE, sample_messages
from unity_depth_perception.dataset.sample import Sample

MS = 1_000_000
TYPES = message_types()
CAMERA = Camera.from_vertical_fov(1.0, 32, 24)


class Message(NamedTuple):
    """A message of a bag to be written."""

    topic: str
    received_ns: int
    content: Any


def make_sample(index: int, camera: Camera = CAMERA) -> Sample:
    """A wall at 2 m with a cube before it, all 100 ms; the brightness is the number of the frame."""
    depth_m = np.full((camera.height, camera.width), 2.0, np.float32)
    instances = np.zeros(depth_m.shape, np.uint16)
    depth_m[8:16, 8:16], instances[8:16, 8:16] = 1.0, 1
    pose = np.eye(4)
    pose[0, 3] = index
    cube = ObjectDistance(0, "red_cube", (8, 8, 16, 16), DistanceStatistics(median=1.0))
    return Sample(
        name=f"{index:05d}.png",
        image=np.full((*depth_m.shape, 3), index, np.uint8),
        camera=camera,
        objects=(cube,),
        depth_m=depth_m,
        instances=instances,
        world_from_camera=pose,
        stamp_ns=(10 + index) * 100 * MS,
    )


def messages_of(samples: Iterable[Sample], namespace: str = CAMERA_NAMESPACE) -> list[Message]:
    """What virtual Unity publishes, received when it was stamped."""
    return [
        Message(f"{namespace}/{name}", sample.stamp_ns or 0, content)
        for sample in samples
        for name, content in sample_messages(TYPES, sample).items()
    ]


def recording(count: int = 3) -> list[Message]:
    """The messages of the first samples."""
    return messages_of(make_sample(index) for index in range(count))


def only(messages: Iterable[Message], *names: str) -> list[Message]:
    """Messages of the topics that end like this."""
    return [message for message in messages if message.topic.endswith(names)]


def without(messages: Iterable[Message], *names: str) -> list[Message]:
    """Messages of the other topics."""
    return [message for message in messages if not message.topic.endswith(names)]


def changed(message: Any, **fields: Any) -> Any:
    """A message with other values of some fields."""
    return replace(message, **fields)


def stamped(message: Any, stamp_ns: int) -> Any:
    """A message with another stamp."""
    time = TYPES.types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return replace(message, header=replace(message.header, stamp=time))


def write_bag(
    path: Path,
    messages: Sequence[Message],
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
) -> Path:
    """Write a bag; returns its folder."""
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        topics: dict[str, Any] = {}
        for topic, received_ns, content in messages:
            kind = content.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(topics[topic], received_ns, TYPES.serialize_cdr(content, kind))
    return path


def write_unindexed_mcap(path: Path, messages: Sequence[Message]) -> Path:
    """Write an mcap without chunks and summary, as a streaming recorder leaves it."""

    def text(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode()

    def record(operation: int, content: bytes) -> bytes:
        return struct.pack("<BQ", operation, len(content)) + content

    parts = [b"\x89MCAP0\r\n", record(1, text("ros2") + text("test"))]
    topics: list[str] = []
    for topic, received_ns, content in messages:
        kind = content.__msgtype__
        if topic not in topics:
            topics.append(topic)
            number, definition = len(topics), TYPES.generate_msgdef(kind, ros_version=2)[0]
            parts.append(record(3, struct.pack("<H", number) + text(kind) + text("ros2msg") + text(definition)))
            parts.append(record(4, struct.pack("<HH", number, number) + text(topic) + text("cdr") + text("")))
        data = bytes(TYPES.serialize_cdr(content, kind))
        parts.append(record(5, struct.pack("<HIQQ", topics.index(topic) + 1, 0, received_ns, received_ns) + data))
    parts += [record(15, struct.pack("<I", 0)), record(2, struct.pack("<QQI", 0, 0, 0)), b"\x89MCAP0\r\n"]
    path.write_bytes(b"".join(parts))
    return path
