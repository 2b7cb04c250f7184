"""A client of Foxglove's websocket protocol, on the `websockets` package and protobuf alone.

Protocol: https://github.com/foxglove/ws-protocol/blob/main/docs/spec.md
"""

from __future__ import annotations

import base64
import contextlib
import json
import struct
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from websockets.sync.client import connect

_MESSAGE_DATA = 1  # operation of a binary frame: operation, subscription, time of the log [ns], payload


class FoxgloveClient:
    """Channels by topic, and the decoded messages of those that were subscribed to."""

    def __init__(self, port: int, subprotocol: str = "foxglove.sdk.v1") -> None:
        self._open = contextlib.ExitStack()
        address = f"ws://127.0.0.1:{port}"
        self.connection = self._open.enter_context(connect(address, subprotocols=[subprotocol], max_size=None))
        self.subprotocol = self.connection.subprotocol
        self.channels: dict[str, dict[str, Any]] = {}
        self.received: dict[str, list[Any]] = {}
        self._types: dict[str, Any] = {}

    def poll(self) -> None:
        """Take in what has arrived."""
        try:
            while True:
                self._take(self.connection.recv(timeout=0.01))
        except TimeoutError:
            return

    def subscribe(self, *topics: str) -> None:
        """Subscribe to advertised channels; the subscription's id is the channel's."""
        ids = [self.channels[topic]["id"] for topic in topics]
        entries = [{"id": id_, "channelId": id_} for id_ in ids]
        self.connection.send(json.dumps({"op": "subscribe", "subscriptions": entries}))

    def unsubscribe(self, *topics: str) -> None:
        ids = [self.channels[topic]["id"] for topic in topics]
        self.connection.send(json.dumps({"op": "unsubscribe", "subscriptionIds": ids}))

    def close(self) -> None:
        self._open.close()

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, str):
            content = json.loads(data)
            if content["op"] == "advertise":
                self.channels |= {channel["topic"]: channel for channel in content["channels"]}
            return
        operation, subscription, _ = struct.unpack_from("<BIQ", data)
        if operation == _MESSAGE_DATA:
            (channel,) = [c for c in self.channels.values() if c["id"] == subscription]
            self.received.setdefault(channel["topic"], []).append(self._decoded(channel, data[13:]))

    def _decoded(self, channel: dict[str, Any], payload: bytes) -> Any:
        if channel["encoding"] == "json":
            return json.loads(payload)
        message = self.message_type(channel["topic"])()
        message.ParseFromString(payload)
        return message

    def message_type(self, topic: str) -> Any:
        """The protobuf class of a channel, made of the schema that the server advertised."""
        channel = self.channels[topic]
        if topic not in self._types:
            files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(channel["schema"]))
            pool = descriptor_pool.DescriptorPool()
            for file in files.file:
                pool.Add(file)
            found = pool.FindMessageTypeByName(channel["schemaName"])
            self._types[topic] = message_factory.GetMessageClass(found)
        return self._types[topic]
