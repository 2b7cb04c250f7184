"""Service responses that come later, without keeping the executor busy meanwhile.

rclpy's own way, a coroutine as callback, makes its executor poll the coroutine without a pause until it ends.
"""

from __future__ import annotations

import threading
from typing import Any


class DeferredResponse:
    """Returned by a service callback in place of a response, which is handed to `send` when it is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._header: Any = None
        self._response: Any = None
        self._send: Any = None

    def send(self, response: Any) -> None:
        """Send the response, from any thread; once."""
        with self._lock:
            self._response = response
        self._send_if_complete()

    def bind(self, header: Any, send: Any) -> None:
        """Hear whose request this is; the service calls it after the callback."""
        with self._lock:
            self._header, self._send = header, send
        self._send_if_complete()

    def _send_if_complete(self) -> None:
        with self._lock:
            if self._response is None or self._send is None:
                return
            send, self._send = self._send, None
        send(self._response, self._header)


def allow_deferred_responses(service: Any) -> None:
    """Let the callback of a rclpy service return a DeferredResponse."""
    send = service.send_response

    def send_or_bind(response: Any, header: Any) -> None:
        if isinstance(response, DeferredResponse):
            response.bind(header, send)
        else:
            send(response, header)

    service.send_response = send_or_bind
