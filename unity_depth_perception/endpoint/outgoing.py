"""Queue of frames to be sent to one client; if the client is slow, the oldest messages are dropped and counted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from unity_depth_perception.endpoint.frames import frame_head

_LARGE_BYTES = 1 << 16
_SMALL_DEPTH = 10
_MAX_COMMANDS = 1000


class OutgoingQueue:
    """Frames for one client. Any thread may put them; the event loop takes them.

    Per topic the ten newest messages are kept, or the newest one if it is large (image, cloud); older ones are dropped.
    Commands and service calls are never dropped: a client with more than a thousand waiting is disconnected.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_dropped: Callable[[str], None],
        on_overrun: Callable[[], None] = lambda: None,
    ) -> None:
        """Make an empty queue.

        Args:
            loop: in which `take` is awaited.
            on_dropped: called with the topic of each dropped message.
            on_overrun: called in the loop when too many commands wait.
        """
        self._loop = loop
        self._on_dropped = on_dropped
        self._on_overrun = on_overrun
        self._lock = threading.Lock()
        self._commands: deque[bytes] = deque()
        self._messages: dict[str, deque[bytes]] = {}
        self._ready = asyncio.Event()
        self._is_signalled = False

    def put_command(self, data: bytes) -> None:
        """Queue the bytes of one or several frames that must not be dropped."""
        with self._lock:
            self._commands.append(data)
            is_overrun = len(self._commands) > _MAX_COMMANDS
        self._signal()
        if is_overrun:
            self._in_loop(self._on_overrun)

    def put_message(self, topic: str, payload: bytes) -> None:
        """Queue a message; older ones of the same topic are dropped to make room."""
        dropped = 0
        with self._lock:
            waiting = self._messages.setdefault(topic, deque())
            while len(waiting) >= (1 if len(payload) > _LARGE_BYTES else _SMALL_DEPTH):
                waiting.popleft()
                dropped += 1
            waiting.append(payload)
        for _ in range(dropped):
            self._on_dropped(topic)
        self._signal()

    async def take(self) -> tuple[bytes, ...]:
        """The bytes to send next, in parts: commands first, then the topics in turn."""
        while True:
            with self._lock:
                if self._commands:
                    return (self._commands.popleft(),)
                topic = next(iter(self._messages), None)
                if topic is not None:
                    waiting = self._messages.pop(topic)
                    payload = waiting.popleft()
                    if waiting:
                        self._messages[topic] = waiting  # behind the others
                    break
                self._is_signalled = False
                self._ready.clear()
            await self._ready.wait()
        return frame_head(topic, len(payload)), payload

    def _signal(self) -> None:
        with self._lock:
            if self._is_signalled:
                return
            self._is_signalled = True
        self._in_loop(self._ready.set)

    def _in_loop(self, action: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the client with it
            self._loop.call_soon_threadsafe(action)
