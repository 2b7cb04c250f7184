"""An endpoint in a thread with a bridge in memory, and clients on sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint import commands
from unity_depth_perception.endpoint.bridge import Answer, Deliver, Serve
from unity_depth_perception.endpoint.commands import Registration
from unity_depth_perception.endpoint.server import EndpointServer, EndpointSettings

DEADLINE_S = 10.0


class MemoryBridge:
    """Topics that are dictionaries: what is published goes to all who subscribed, a service doubles its request."""

    def __init__(self) -> None:
        self.published: dict[str, list[bytes]] = defaultdict(list)
        self.registered: dict[int, set[tuple[str, str]]] = defaultdict(set)
        self.delivers: dict[str, dict[int, Deliver]] = defaultdict(dict)
        self.serves: dict[str, Serve] = {}

    def advertise(self, client: int, wanted: Registration) -> None:
        if wanted.interface == "Unknown":
            raise InputError("unknown type")
        self.registered[client].add((wanted.kind, wanted.topic))

    def publish(self, client: int, topic: str, payload: memoryview) -> None:
        if (commands.PUBLISH, topic) not in self.registered[client]:
            raise InputError(f"{topic} is not registered")
        self.published[topic].append(bytes(payload))
        for deliver in self.delivers[topic].values():
            deliver(topic, bytes(payload))

    def subscribe(self, client: int, wanted: Registration, deliver: Deliver) -> None:
        self.advertise(client, wanted)
        self.delivers[wanted.topic][client] = deliver

    def use_service(self, client: int, wanted: Registration) -> None:
        self.advertise(client, wanted)

    def call(self, client: int, service: str, request: memoryview, answer: Answer) -> None:
        if (commands.ROS_SERVICE, service) not in self.registered[client]:
            raise InputError(f"{service} is not registered")
        threading.Thread(target=answer, args=(None if request == b"silent" else 2 * bytes(request),)).start()

    def offer_service(self, client: int, wanted: Registration, serve: Serve) -> None:
        self.advertise(client, wanted)
        self.serves[wanted.topic] = serve

    def remove(self, client: int, kind: str, topic: str) -> None:
        self.registered[client].discard((kind, topic))
        self.delivers[topic].pop(client, None)

    def forget(self, client: int) -> None:
        self.registered.pop(client, None)
        for of_topic in self.delivers.values():
            of_topic.pop(client, None)

    def topics(self) -> list[tuple[str, str]]:
        return [("/image", "sensor_msgs/Image"), ("/tf", "tf2_msgs/TFMessage")]


class Running:
    """A server in a thread of its own."""

    def __init__(self, **settings: object) -> None:
        self.bridge, self.log = MemoryBridge(), list[str]()
        self.loop = asyncio.new_event_loop()
        self.server = EndpointServer(
            self.bridge, EndpointSettings(port=0, **settings), self.log.append, self.log.append
        )  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.task = self.loop.create_task(self.server.serve())
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)
        self.loop.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.task.cancel)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def client(self) -> Client:
        return Client(self.server.port)


class Client:
    """A socket that speaks frames; Unity's NUL bytes included."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)

    def send(self, destination: str, payload: bytes) -> None:
        name = destination.encode() + b"\0"
        self.socket.sendall(struct.pack("<I", len(name)) + name + struct.pack("<I", len(payload)) + payload)

    def command(self, name: str, **parameters: object) -> None:
        self.send(name, json.dumps(parameters).encode() + b"\0")

    def read(self) -> tuple[str, bytes]:
        destination = self._exactly(struct.unpack("<I", self._exactly(4))[0])
        return destination.decode(), self._exactly(struct.unpack("<I", self._exactly(4))[0])

    def greeted(self) -> Client:
        assert self.read()[0] == "__handshake"
        return self

    def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return True

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            assert part, "the connection ended"
            data += part
        return data


def wait_until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
