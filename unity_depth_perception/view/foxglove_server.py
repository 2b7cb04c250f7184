"""Foxglove's websocket server with this package's channels, which may record them; it tells which have a viewer."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foxglove
from foxglove import channels

from unity_depth_perception.core.errors import ConfigurationError

_BACKLOG = 12  # messages for a slow viewer, after which the oldest is dropped: newest wins
_NUMBER = {"type": ["number", "null"]}
_DISTANCES_SCHEMA = {
    "type": "object",
    "title": "unity_depth_perception/ObjectDistances",
    "properties": {
        "stamp_ns": {"type": "string"},
        "frame_id": {"type": "string"},
        "depth_model": {"type": "string"},
        "segmentation_model": {"type": "string"},
        "nearest_m": {"type": "object", "additionalProperties": {"type": "number"}},
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "category": {"type": "string"},
                    "bbox": {"type": "array", "items": {"type": "integer"}},
                    "parent_id": {"type": ["integer", "null"]},
                    "distance": {
                        "type": "object",
                        "properties": dict.fromkeys(("center", "mean", "median", "min", "max"), _NUMBER),
                    },
                    "score": _NUMBER,
                    "position": {"type": "array", "items": _NUMBER},
                    "range": _NUMBER,
                    "valid_ratio": _NUMBER,
                    "pixel_count": {"type": "integer"},
                },
            },
        },
    },
}
# The name of ROS' schema: Foxglove's diagnostics panel takes topics by it.
_DIAGNOSTICS_SCHEMA = foxglove.Schema(
    name="diagnostic_msgs/DiagnosticArray",
    encoding="jsonschema",
    data=json.dumps(
        {
            "type": "object",
            "title": "diagnostic_msgs/DiagnosticArray",
            "properties": {"header": {"type": "object"}, "status": {"type": "array", "items": {"type": "object"}}},
        }
    ).encode(),
)

IMAGE, DEPTH, CLOUD, SCENE, FRAMES, CAMERA, DISTANCES, DIAGNOSTICS = (
    *("image", "depth", "cloud", "scene", "frames", "camera", "distances", "diagnostics"),
)


def _channel(kind: str, topic: str, context: foxglove.Context) -> Any:
    """A channel of one kind of content."""
    if kind == DISTANCES:
        return foxglove.Channel(topic, schema=_DISTANCES_SCHEMA, context=context)
    if kind == DIAGNOSTICS:
        return foxglove.Channel(topic, schema=_DIAGNOSTICS_SCHEMA, message_encoding="json", context=context)
    return _TYPED[kind](topic, context=context)


_TYPED: dict[str, Any] = {
    IMAGE: channels.CompressedImageChannel,
    DEPTH: channels.RawImageChannel,
    CLOUD: channels.PointCloudChannel,
    SCENE: channels.SceneUpdateChannel,
    FRAMES: channels.FrameTransformsChannel,
    CAMERA: channels.CameraCalibrationChannel,
}


class FoxgloveServer:
    """Serves channels; `watch(topic, wanted)` is called, from a thread of the server, as viewers come and go."""

    def __init__(
        self, host: str, port: int, kinds: dict[str, str], watch: Callable[[str, bool], None], record: Path | None
    ) -> None:
        """Start the server with a channel for each topic of `kinds` (topic to kind of content).

        Args:
            record: a new .mcap file that gets every message, whether somebody looks or not.

        Raises:
            ConfigurationError: the address cannot be listened on, or the file is there already or cannot be made.
        """
        self._watch = watch
        self._viewers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._context = context = foxglove.Context()  # the server sees no channel of a context that is gone
        self._channels = {topic: _channel(kind, topic, context) for topic, kind in kinds.items()}
        try:
            self._server = foxglove.start_server(
                name="unity_depth",
                host=host,
                port=port,
                server_listener=self,
                context=context,
                message_backlog_size=_BACKLOG,
            )
        except Exception as error:  # noqa: BLE001 - the class of foxglove's errors has no public name
            raise ConfigurationError(
                f"cannot listen on {host}:{port} for Foxglove: {error}; choose another foxglove_port"
            ) from None
        self.port = int(self._server.port)
        try:
            self._recording = None if record is None else _recording(record, context)
        except ConfigurationError:
            self._server.stop()
            raise

    def send(self, topic: str, message: Any, stamp_ns: int | None = None) -> None:
        """Send a message to the viewers of a topic and to the recording; `stamp_ns`: its time [ns], now if None."""
        self._channels[topic].log(message, log_time=stamp_ns)

    def stop(self) -> None:
        """End all connections, let go of the port and finish the recording."""
        self._server.stop()
        for channel in self._channels.values():
            channel.close()
        if self._recording is not None:
            self._recording.close()

    def on_subscribe(self, client: Any, channel: Any) -> None:
        """Called by Foxglove."""
        self._count(channel.topic, 1)

    def on_unsubscribe(self, client: Any, channel: Any) -> None:
        """Called by Foxglove; also for a viewer whose connection ends."""
        self._count(channel.topic, -1)

    def _count(self, topic: str, change: int) -> None:
        with self._lock:
            before = self._viewers[topic]
            self._viewers[topic] = after = max(before + change, 0)
        if (before > 0) != (after > 0):
            self._watch(topic, after > 0)


def _recording(path: Path, context: foxglove.Context) -> foxglove.MCAPWriter:
    try:
        return foxglove.open_mcap(path, context=context)
    except OSError as error:
        reason = "exists already" if path.exists() else f"cannot be written: {error.strerror or error}"
        raise ConfigurationError(f"record: {path} {reason}; choose another file") from None
