"""Web page with the annotated picture and the objects of the newest frame, over a websocket with back-pressure.

The browser asks for the next update when it has drawn the last one, so a slow browser gets fewer frames, never older
ones. A picture is encoded only when a browser waits for it. No request leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.view.foxglove_messages import jpeg_of

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/chart.js": ("chart.js", "text/javascript; charset=utf-8"),
}
_LIVE = "/live"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_POLICY = "default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws:; frame-ancestors 'none'"
_MAX_CLIENTS = 16
_MAX_REQUEST_BYTES = 256
_MAX_SIDE_PX = 1600  # of the picture; a larger one is shrunk for the page
_START_TIMEOUT_S = 5.0


class PageServer:
    """Serves the page; its thread calls `watch(wanted)` as the first browser comes and as the last one goes.

    Attributes:
        port: that it listens on.
        encoded: pictures that were encoded.
    """

    def __init__(self, host: str, port: int, watch: Callable[[bool], None]) -> None:
        """Start the server in a thread of its own.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        self.encoded = 0
        self._host, self._watch = host, watch
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._numbers = {"objects": 0, "picture": 0, "status": 0}
        self._content: dict[str, Any] = {"objects": None, "picture": None, "status": ""}
        self._jpeg: tuple[int, bytes] = (0, b"")
        self._clients = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="page", daemon=True)
        self._thread.start()
        try:
            self._server = self._call(self._listen(host, port))
        except OSError as error:
            self._end_loop()
            raise ConfigurationError(
                f"cannot listen on {host}:{port} for the page: {error.strerror or error}; choose another page_port"
            ) from None
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])

    def show_objects(self, objects: dict[str, Any]) -> None:
        """Offer the newest objects, as JSON."""
        self._offer("objects", objects)

    def show_picture(self, rgb: NDArray[np.uint8]) -> None:
        """Offer the newest picture (H, W, 3) uint8 RGB."""
        self._offer("picture", rgb)

    def show_status(self, text: str) -> None:
        """Offer the reason why nothing arrives; empty while frames arrive."""
        self._offer("status", text)

    def stop(self) -> None:
        """End all connections and let go of the port."""
        self._server.close()
        self._call(self._server.wait_closed())
        self._end_loop()

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_TIMEOUT_S)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_TIMEOUT_S)
        self._loop.close()

    async def _listen(self, host: str, port: int) -> Server:
        return await serve(
            self._talk,
            host,
            port,
            process_request=self._answer,
            compression=None,  # JPEG is compressed already
            max_size=_MAX_REQUEST_BYTES,
        )

    def _offer(self, part: str, value: Any) -> None:
        asyncio.run_coroutine_threadsafe(self._replace(part, value), self._loop)

    async def _replace(self, part: str, value: Any) -> None:
        async with self._changed:
            self._content[part] = value
            self._numbers[part] += 1
            self._changed.notify_all()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """A file of the page, a refusal, or None for the websocket."""
        path = urlsplit(request.path).path
        if not self._is_welcome(request.headers):
            return _response(HTTPStatus.FORBIDDEN, "text/plain", b"This page answers to its own address alone.\n")
        if path == _LIVE:
            full = self._clients >= _MAX_CLIENTS
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"Too many viewers.\n") if full else None
        if path not in _FILES:
            return _response(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing here; the page is at /.\n")
        name, kind = _FILES[path]
        return _response(HTTPStatus.OK, kind, (resources.files(__package__) / "page" / name).read_bytes())

    def _is_welcome(self, headers: Headers) -> bool:
        """Whether a request is of this page: not of another site's script, not by a name that points here."""
        host = urlsplit(f"//{headers.get('Host', '')}")
        origin = headers.get("Origin")
        named = host.hostname in _LOOPBACK or self._host not in _LOOPBACK
        return named and (origin is None or urlsplit(origin).netloc == host.netloc)

    async def _talk(self, connection: ServerConnection) -> None:
        """Answer one browser until its connection ends, even while it waits for news."""
        self._clients += 1
        if self._clients == 1:
            self._watch(True)
        answers = asyncio.create_task(self._answer_requests(connection))
        try:
            await connection.wait_closed()
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            self._clients -= 1
            if self._clients == 0:
                self._watch(False)

    async def _answer_requests(self, connection: ServerConnection) -> None:
        """Send one update for each request."""
        seen = dict.fromkeys(self._numbers, 0)
        with contextlib.suppress(ConnectionClosed):
            async for _ in connection:
                await self._send_news(connection, seen)

    async def _send_news(self, connection: ServerConnection, seen: dict[str, int]) -> None:
        """Wait for something that a browser has not seen, and send it: JSON, then the picture if that is new."""
        async with self._changed:
            await self._changed.wait_for(lambda: seen != self._numbers)
            news = {part for part, number in self._numbers.items() if number != seen[part]}
            seen.update(self._numbers)
            content = dict(self._content)
        parts = {part: content[part] for part in news - {"picture"}}
        picture = content["picture"] if "picture" in news else None
        await connection.send(json.dumps(parts | {"picture": picture is not None}))
        if picture is not None:
            await connection.send(await self._jpeg_of(seen["picture"], picture))

    async def _jpeg_of(self, number: int, picture: NDArray[np.uint8]) -> bytes:
        """The JPEG of a picture, encoded once for all browsers."""
        if self._jpeg[0] != number:
            self._jpeg = (number, await asyncio.to_thread(_page_jpeg, picture))
            self.encoded += 1
        return self._jpeg[1]


def _page_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    factor = _MAX_SIDE_PX / max(rgb.shape[:2])
    if factor < 1:
        size = (max(round(rgb.shape[1] * factor), 1), max(round(rgb.shape[0] * factor), 1))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return jpeg_of(rgb)


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
