"""Frames on the wire of Unity's ROS-TCP-Connector 0.7: a destination and a payload, each after its length.

Frame: u32 n, n bytes destination, u32 m, m bytes payload, little endian. Unity ends destinations and JSON with a NUL
that it counts. Eight zero bytes (no destination, no payload) keep the connection alive. Destinations that begin with
`__` are commands, whose payload is JSON; all others are topics and services, whose payload is CDR.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import numpy as np

from unity_depth_perception.core.errors import InputError

COMMAND_PREFIX = "__"
MAX_DESTINATION_BYTES = 1024
_LENGTH = struct.Struct("<I")


class Frame(NamedTuple):
    """One frame; both parts are empty in a keep-alive."""

    destination: str
    payload: memoryview

    @property
    def is_keep_alive(self) -> bool:
        """Whether it says only that the connection is alive."""
        return not self.destination and not self.payload


def frame_head(destination: str, payload_bytes: int) -> bytes:
    """Header of a frame to send: destination, without a NUL after it, and length of the payload."""
    name = destination.encode()
    return _LENGTH.pack(len(name)) + name + _LENGTH.pack(payload_bytes)


def encode_frame(destination: str, payload: bytes) -> bytes:
    """The bytes of a frame that an endpoint sends."""
    return frame_head(destination, len(payload)) + payload


def encode_command(command: str, parameters: Mapping[str, object]) -> bytes:
    """The bytes of a command such as `__log` with its parameters as JSON."""
    return encode_frame(command, json.dumps(parameters).encode())


class FrameReader:
    """Reads frames from a socket.

    Buffers are not initialised, so that the operating system gives memory only as bytes arrive: a claim costs nothing.
    """

    def __init__(
        self,
        receive_into: Callable[[memoryview], Awaitable[int]],
        max_payload_bytes: int,
        frame_timeout_s: float,
        on_progress: Callable[[int, int], None] = lambda received, missing: None,
    ) -> None:
        """Read by `receive_into`, which fills a part of a buffer and returns how many bytes, 0 at the end.

        Args:
            receive_into: as asyncio's `loop.sock_recv_into` of one socket.
            max_payload_bytes: longer payloads are refused.
            frame_timeout_s: seconds within which a frame that has begun must be complete.
            on_progress: called with the numbers of received and of missing bytes of the unfinished payload.
        """
        self._receive_into = receive_into
        self._max_payload_bytes = max_payload_bytes
        self._frame_timeout_s = frame_timeout_s
        self._on_progress = on_progress

    async def read(self) -> Frame | None:
        """The next frame; None if the connection ends between two frames.

        Raises:
            InputError: the frame is too long, is cut off, comes too slowly, or its destination is not text.
        """
        head = bytearray(_LENGTH.size)
        if not await self._receive_into(memoryview(head)[:1]):  # may take as long as it will
            return None
        try:
            async with asyncio.timeout(self._frame_timeout_s):
                await self._fill(memoryview(head), 1)
                return await self._read_rest(_LENGTH.unpack(head)[0])
        except TimeoutError:
            raise InputError(f"expected a whole frame within {self._frame_timeout_s:g} s, got a part of one") from None
        finally:
            self._on_progress(0, 0)

    async def _read_rest(self, destination_bytes: int) -> Frame:
        if destination_bytes > MAX_DESTINATION_BYTES:
            raise InputError(
                f"expected a destination of at most {MAX_DESTINATION_BYTES} bytes, got a claim of {destination_bytes}: "
                "this is no ROS-TCP-Connector"
            )
        name = bytearray(destination_bytes)
        await self._fill(memoryview(name), 0)
        head = bytearray(_LENGTH.size)
        await self._fill(memoryview(head), 0)
        length = _LENGTH.unpack(head)[0]
        if length > self._max_payload_bytes:
            raise InputError(
                f"expected a payload of at most {self._max_payload_bytes} bytes, got a claim of {length}; send smaller "
                "messages (JPEG, fewer pixels) or raise max_message_bytes"
            )
        try:
            destination = name.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise InputError(f"expected a destination as UTF-8 text, got {bytes(name[:40])!r}") from None
        payload = np.empty(length, np.uint8)
        await self._fill(payload.data, 0, self._on_progress)
        return Frame(destination, payload.data)

    async def _fill(
        self,
        view: memoryview,
        start: int,
        on_progress: Callable[[int, int], None] = lambda received, missing: None,
    ) -> None:
        while start < len(view):
            on_progress(start, len(view) - start)
            count = await self._receive_into(view[start:])
            if not count:
                raise InputError("expected a whole frame, got the end of the connection in the middle of one")
            start += count
            if start < len(view):
                await asyncio.sleep(0)  # asyncio returns at once where bytes are there, and others wait
