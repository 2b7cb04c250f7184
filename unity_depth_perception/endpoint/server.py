"""The endpoint's TCP server: accepts clients and limits their use of memory and connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.endpoint.bridge import Bridge
from unity_depth_perception.endpoint.connection import Connection, Log
from unity_depth_perception.endpoint.counts import Counts
from unity_depth_perception.endpoint.frames import FrameReader

_WAKE_UP_BYTES = 1 << 18


@dataclass(frozen=True)
class EndpointSettings:
    """Address of the endpoint and limits on its clients.

    Attributes:
        host: address to listen on; 0.0.0.0 lets other machines in.
        port: as in Unity's ROS Settings; 0 takes a free one.
        max_message_bytes: longer messages end their connection.
        max_partial_bytes: bound on the unfinished frames of all clients together; beyond it, the client with the
            largest one is disconnected.
        max_clients: more are refused.
        frame_timeout_s: seconds within which a frame that has begun must be complete.
    """

    host: str = "127.0.0.1"
    port: int = 10000
    max_message_bytes: int = 64 << 20
    max_partial_bytes: int = 256 << 20
    max_clients: int = 128
    frame_timeout_s: float = 30.0


class EndpointServer:
    """Serves ROS-TCP-Connector clients until it is cancelled."""

    def __init__(self, bridge: Bridge, settings: EndpointSettings, log: Log, refuse: Log) -> None:
        """Bind the port at once, so that a port in use is reported before anything else starts.

        `log` and `refuse` are those of `Connection`.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        self.counts = Counts()
        self._bridge = bridge
        self._settings = settings
        self._log = log
        self._refuse = refuse
        self._partial_bytes: dict[int, int] = {}
        self._sockets: dict[int, socket.socket] = {}
        try:
            self._listener = socket.create_server((settings.host, settings.port), backlog=64)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"cannot listen on {settings.host}:{settings.port}: {error}; is another endpoint running? Choose "
                "another port here and in Unity's ROS Settings"
            ) from None
        self._listener.setblocking(False)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Release the port of a server that is not serving."""
        self._listener.close()

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return len(self._sockets)

    async def serve(self) -> None:
        """Accept clients until cancelled, which ends all connections."""
        loop = asyncio.get_running_loop()
        number = 0
        talks: set[asyncio.Task[None]] = set()
        try:
            while True:
                connection, address = await loop.sock_accept(self._listener)
                if len(self._sockets) >= self._settings.max_clients:
                    self.counts.count("refused_connections")
                    self._log(f"refused a client from {address[0]}: {self._settings.max_clients} are connected")
                    connection.close()
                    continue
                number += 1
                self._sockets[number] = connection
                talk = asyncio.create_task(self._talk(number, connection, str(address[0])))
                talks.add(talk)
                talk.add_done_callback(talks.discard)
        finally:
            self._listener.close()
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)

    async def _talk(self, number: int, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        self.counts.count("connections")
        self._log(f"client {number} connected from {address}")
        reason = "left"
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            reader = FrameReader(
                lambda view: loop.sock_recv_into(connection, view),
                self._settings.max_message_bytes,
                self._settings.frame_timeout_s,
                lambda received, missing: self._account(number, received, missing),
            )
            await Connection(number, connection, reader, self._bridge, self.counts, self._log, self._refuse).run()
        except InputError as error:
            self.counts.count("refused")
            reason = f"disconnected: {error}"
        except OSError as error:
            reason = f"lost: {error}"
        finally:
            self._partial_bytes.pop(number, None)
            self._sockets.pop(number, None)
            connection.close()
            self._log(f"client {number} {reason}")

    def _account(self, number: int, size: int, missing: int) -> None:
        """Record the size of a client's unfinished frame; beyond the bound, disconnect the client of the largest."""
        self._partial_bytes[number] = size
        low_water = min(max(missing, 1), _WAKE_UP_BYTES)  # of a large frame, not each segment is worth a wake-up
        self._sockets[number].setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low_water)
        if size and sum(self._partial_bytes.values()) > self._settings.max_partial_bytes:
            largest = max(self._partial_bytes, key=lambda client: self._partial_bytes[client])
            self._partial_bytes[largest] = 0
            self.counts.count("refused")
            if largest == number:
                raise InputError("the unfinished messages of all clients are too large, and this one's is the largest")
            self._log(f"client {largest} is disconnected: its unfinished message is the largest of too many")
            with contextlib.suppress(OSError, KeyError):
                self._sockets[largest].shutdown(socket.SHUT_RDWR)
