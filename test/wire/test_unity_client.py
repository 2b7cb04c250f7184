"""The fake Unity client against a plain socket: it sends the bytes that ROS-TCP-Connector sends."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from unity_client import KEEP_ALIVE, UnityClient, command_frame, frame, read_frame

DEADLINE_S = 10.0


class Server:
    """A plain TCP server in place of the endpoint."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.port = self._listener.getsockname()[1]
        self.connection: socket.socket | None = None

    def accept(self) -> None:
        self.connection, _ = self._listener.accept()
        self.connection.settimeout(DEADLINE_S)
        self.bytes = self.connection.makefile("rb")

    def read(self) -> tuple[str, bytes]:
        return read_frame(self.bytes.read)

    def send(self, destination: str, payload: bytes) -> None:
        """Send a frame as the endpoint does: without a NUL byte at the end."""
        assert self.connection is not None
        name = destination.encode()
        self.connection.sendall(
            struct.pack("<I", len(name)) + name + struct.pack("<I", len(payload)) + payload,
        )

    def hang_up(self) -> None:
        assert self.connection is not None
        self.bytes.close()
        self.connection.close()

    def close(self) -> None:
        if self.connection is not None:
            self.hang_up()
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def client(server: Server) -> Iterator[UnityClient]:
    client = UnityClient(server.port)
    server.accept()
    yield client
    client.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {DEADLINE_S:g} s in vain for {what}")
        time.sleep(0.01)


def test_destination_length_includes_the_nul_byte() -> None:
    assert frame("/a", b"xyz") == (b"\x03\0\0\0/a\0\x03\0\0\0", b"xyz")


def test_command_length_includes_the_nul_byte() -> None:
    head, payload = command_frame("__subscribe", {"topic": "/a", "message_name": "b/C"})
    assert head == b"\x0c\0\0\0__subscribe\0" + struct.pack("<I", len(payload))
    assert payload == b'{"topic": "/a", "message_name": "b/C"}\0'


def test_idle_client_repeats_the_keep_alive(server: Server) -> None:
    client = UnityClient(server.port, keep_alive_s=0.05)
    server.accept()
    assert server.bytes.read(3 * len(KEEP_ALIVE)) == 3 * KEEP_ALIVE
    client.close()


def test_client_registers_each_publisher_twice(server: Server, client: UnityClient) -> None:
    assert server.read() == ("", b"")
    client.register_publisher("/image", "sensor_msgs/Image")
    for _ in range(2):
        command, text = server.read()
        assert command == "__publish"
        assert json.loads(text[:-1]) == {
            "topic": "/image",
            "message_name": "sensor_msgs/Image",
            "queue_size": 10,
            "latch": False,
        }
    assert client.publish("/image", b"1234")
    assert server.read() == ("/image", b"1234")


def test_client_sorts_received_messages_and_commands(server: Server, client: UnityClient) -> None:
    assert not client.connected
    server.send("__handshake", b'{"version": "v0.7.0", "metadata": "{}"}')
    server.send("__error", b'{"text": "no"}')
    server.send("/result", b"abc")
    wait_until(lambda: bool(client.received["/result"]), "the message")
    assert client.connected
    assert client.handshake["version"] == "v0.7.0"
    assert client.said == ['__error {"text": "no"}']
    assert client.received["/result"][0].payload == b"abc"


def test_client_reconnects_and_registers_again(server: Server, client: UnityClient) -> None:
    assert server.read() == ("", b"")
    client.subscribe("/result", "b/C")
    assert server.read()[0] == "__subscribe"
    server.hang_up()
    server.accept()
    assert [server.read()[0] for _ in range(2)] == ["", "__subscribe"]
    wait_until(lambda: client.connections == 2, "the second connection")


def test_message_published_without_a_connection_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    client = UnityClient(port)
    assert not client.publish("/image", b"1")
    client.close()


def test_unsubscribed_topic_is_not_registered_again(server: Server, client: UnityClient) -> None:
    assert server.read() == ("", b"")
    client.subscribe("/result", "b/C")
    client.unsubscribe("/result")
    assert [server.read()[0] for _ in range(2)] == ["__subscribe", "__remove_subscriber"]
    server.hang_up()
    server.accept()
    assert server.read() == ("", b"")
    client.close()
    with pytest.raises(struct.error):  # nothing follows but the end
        server.read()
