"""Fake Unity: the client side of ROS-TCP-Connector 0.7 in ROS 2 mode. Needs no ROS.

Frame: u32 n, n bytes destination, u32 m, m bytes payload, little endian. Unity ends destinations and JSON with a NUL
byte that it counts, ROS-TCP-Endpoint does not. Eight zero bytes (no destination, no payload) keep the connection alive.
Destinations that begin with `__` are commands, the others topics; a topic's payload is 00 01 00 00 and CDR.

https://github.com/Unity-Technologies/ROS-TCP-Connector, Runtime/TcpConnector/ROSConnection.cs
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

KEEP_ALIVE = bytes(8)
_LENGTH = struct.Struct("<I")
_COMMAND = "__"


class Received(NamedTuple):
    """A payload and its time of arrival [ns, `time.time_ns`]."""

    payload: bytes
    arrived_unix_ns: int


class Registration(NamedTuple):
    """A registration command, sent again after every reconnection."""

    command: str
    parameters: dict[str, object]


def frame(destination: str, payload: bytes | bytearray | memoryview) -> tuple[bytes, bytes | bytearray | memoryview]:
    """Header bytes and payload of one frame, as Unity writes it."""
    name = destination.encode() + b"\0"
    return _LENGTH.pack(len(name)) + name + _LENGTH.pack(len(payload)), payload


def command_frame(command: str, parameters: dict[str, object]) -> tuple[bytes, bytes]:
    """Header bytes and payload of a command such as `__subscribe`."""
    text = json.dumps(parameters).encode() + b"\0"
    return frame(command, text)[0], text


def read_frame(receive: Callable[[int], bytes]) -> tuple[str, bytes]:
    """Read the next destination and payload; `receive(n)` must return exactly n bytes."""
    destination = receive(_LENGTH.unpack(receive(4))[0])
    payload = receive(_LENGTH.unpack(receive(4))[0])
    return destination.rstrip(b"\0").decode(), payload


class UnityClient:
    """A client that connects, registers, publishes and receives like Unity, and reconnects after a loss."""

    def __init__(self, port: int, host: str = "127.0.0.1", retry_s: float = 0.1, keep_alive_s: float = 1.0) -> None:
        """Connects in the background, and retries every `retry_s` until it is closed."""
        self.handshake: dict[str, str] = {}
        self.received: dict[str, list[Received]] = defaultdict(list)
        self.said: list[str] = []  # what the endpoint sent as __log, __warn, __error
        self.connections = 0
        self._address = (host, port)
        self._retry_s = retry_s
        self._keep_alive_s = keep_alive_s
        self._registrations: list[Registration] = []
        self._socket: socket.socket | None = None
        self._lock = threading.RLock()  # one frame at a time on the wire
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unity_client", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether the endpoint has sent its handshake."""
        return self._socket is not None and bool(self.handshake)

    def register_publisher(self, topic: str, message_name: str, queue_size: int = 10, latch: bool = False) -> None:
        """Send `__publish` twice as Unity does: at registration and again once connected."""
        parameters = {"topic": topic, "message_name": message_name, "queue_size": queue_size, "latch": latch}
        with self._lock:
            self._register(Registration("__publish", parameters))
            self._send(*command_frame("__publish", parameters))

    def subscribe(self, topic: str, message_name: str) -> None:
        """Send `__subscribe`; payloads are appended to `received[topic]`."""
        self._register(Registration("__subscribe", {"topic": topic, "message_name": message_name}))

    def unsubscribe(self, topic: str) -> None:
        """Send `__remove_subscriber`, which endpoint 0.7 does not know: it closes the connection."""
        with self._lock:
            wanted = [r for r in self._registrations if r.command != "__subscribe" or r.parameters["topic"] != topic]
            self._registrations = wanted
            self._send(*command_frame("__remove_subscriber", {"topic": topic}))

    def publish(self, topic: str, payload: bytes | bytearray | memoryview) -> bool:
        """Send a serialized message; False if it is lost for lack of a connection, as in Unity."""
        return self._send(*frame(topic, payload))

    def close(self) -> None:
        """Close the connection and stop reconnecting."""
        self._closed.set()
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the endpoint was faster
                    self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _register(self, registration: Registration) -> None:
        with self._lock:
            self._registrations.append(registration)
            self._send(*command_frame(*registration))

    def _send(self, head: bytes, payload: bytes | bytearray | memoryview) -> bool:
        with self._lock:
            if self._socket is None:
                return False
            try:
                self._socket.sendall(head)
                self._socket.sendall(payload)
            except OSError:  # the reader sees it too, and reconnects
                return False
            return True

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                connection = socket.create_connection(self._address)
            except OSError:
                self._closed.wait(self._retry_s)
                continue
            with connection:
                self._play(connection)
            self.handshake = {}

    def _play(self, connection: socket.socket) -> None:
        try:
            self._greet(connection)
            while True:
                self._take(*read_frame(lambda size: self._receive(connection, size)))
        except OSError:
            pass  # lost or closed; `_run` knows which
        finally:
            with self._lock:
                self._socket = None

    def _greet(self, connection: socket.socket) -> None:
        with self._lock:
            self._socket = connection
            connection.sendall(KEEP_ALIVE)
            for registration in self._registrations:
                self._send(*command_frame(*registration))
            self.connections += 1

    def _take(self, destination: str, payload: bytes) -> None:
        if destination == "__handshake":
            self.handshake = json.loads(payload)
        elif destination.startswith(_COMMAND):
            self.said.append(f"{destination} {payload.decode()}")
        else:
            self.received[destination].append(Received(payload, time.time_ns()))

    def _receive(self, connection: socket.socket, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            # Not a timeout of the socket: that would also cut a large frame short in the middle of sending it.
            if not select.select([connection], [], [], self._keep_alive_s)[0]:
                self._send(KEEP_ALIVE, b"")
                continue
            chunk = connection.recv(size - len(data))
            if not chunk:
                raise ConnectionError("the connection is closed")
            data += chunk
        return bytes(data)
