"""One client of the endpoint: its frames become calls of the bridge, and the bridge's messages become frames to it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import socket
from collections.abc import Callable

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint import commands
from unity_depth_perception.endpoint.bridge import Answer, Bridge
from unity_depth_perception.endpoint.counts import Counts
from unity_depth_perception.endpoint.frames import COMMAND_PREFIX, Frame, FrameReader, encode_command, encode_frame
from unity_depth_perception.endpoint.outgoing import OutgoingQueue

Log = Callable[[str], None]

_HANDSHAKE = {"version": "v0.7.0", "metadata": json.dumps({"protocol": "ROS2"})}
_MAX_OPEN_CALLS = 1000
_MAX_ERRORS = 1000  # different ones that a client is told


class Connection:
    """Connection to one client and all of its state, which ends with the connection."""

    def __init__(
        self,
        number: int,
        connection: socket.socket,
        reader: FrameReader,
        bridge: Bridge,
        counts: Counts,
        log: Log,
        refuse: Log,
    ) -> None:
        """Serve the client on `connection`.

        Args:
            number: of the client, unique within the endpoint.
            reader: of `connection`.
            log: logs a message for the person who runs the endpoint.
            refuse: logs a message about unusable input of a client; these may come often.
        """
        self.number = number
        self._socket = connection
        self._reader = reader
        self._bridge = bridge
        self._counts = counts
        self._log = log
        self._refuse = refuse
        self._loop = asyncio.get_running_loop()
        self._outgoing = OutgoingQueue(self._loop, lambda _: counts.count("dropped_to_slow_client"), self._give_up)
        self._is_given_up = False
        self._next_call = itertools.count(1001)
        self._open_calls: dict[int, tuple[str, Answer]] = {}  # requests that the client serves
        self._announced: tuple[str, int] | None = None  # the next frame is this request or response
        self._errors: set[tuple[str, str]] = set()  # destination and text of those that the client was told

    async def run(self) -> None:
        """Exchange frames until the client disconnects or violates the protocol."""
        self._outgoing.put_command(encode_command("__handshake", _HANDSHAKE))
        sender = asyncio.create_task(self._send())
        try:
            while (frame := await self._reader.read()) is not None and not sender.done():
                self._take(frame)
                await asyncio.sleep(0)  # a client whose frames never end must leave time for the others
        finally:
            sender.cancel()
            self._bridge.forget(self.number)
            for _, answer in self._open_calls.values():
                self._counts.count("unanswered_calls")
                answer(None)
            await asyncio.gather(sender, return_exceptions=True)  # last: a second cancellation may end it

    async def _send(self) -> None:
        with contextlib.suppress(OSError):  # the reader sees that the connection is lost, and says so
            while True:
                for part in await self._outgoing.take():
                    await self._loop.sock_sendall(self._socket, part)
                self._counts.count("sent")

    def _give_up(self) -> None:
        if not self._is_given_up:
            self._is_given_up = True
            self._log(f"client {self.number} does not read what it asked for: disconnected")
            with contextlib.suppress(OSError):  # it was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def _take(self, frame: Frame) -> None:
        """Act on one frame. An unusable one is counted and reported to the client; the connection goes on."""
        if frame.is_keep_alive:
            return
        self._counts.count("received")
        announced, self._announced = self._announced, None
        try:
            if announced is not None:
                self._take_call(*announced, frame)
            elif frame.destination.startswith(COMMAND_PREFIX):
                self._obey(frame.destination, frame.payload)
            else:
                self._bridge.publish(self.number, frame.destination, frame.payload)
                self._counts.count("published")
        except InputError as error:
            self._counts.count("refused")
            self._refuse(f"client {self.number}: {error}")
            self._tell_error(frame.destination, str(error))

    def _tell_error(self, destination: str, text: str) -> None:
        """Send an error to the client, each one once: a refused topic may have a message in every frame."""
        if (destination, text) not in self._errors and len(self._errors) < _MAX_ERRORS:
            self._errors.add((destination, text))
            self._outgoing.put_command(encode_command("__error", {"text": text}))

    def _obey(self, command: str, payload: memoryview) -> None:
        parameters = commands.parse_parameters(command, payload)
        if command in commands.SERVICE_CALLS:
            self._announced = command, commands.call_id_of(command, parameters)
        elif command == commands.TOPIC_LIST:
            topics = self._bridge.topics()
            answer = {"topics": [topic for topic, _ in topics], "types": [name for _, name in topics]}
            self._outgoing.put_command(encode_command(commands.TOPIC_LIST, answer))
        elif command in commands.REMOVALS:
            topic = commands.topic_of(command, parameters)
            self._bridge.remove(self.number, commands.REMOVALS[command], topic)
        else:
            self._register(commands.parse_registration(command, parameters))

    def _register(self, wanted: commands.Registration) -> None:
        if wanted.kind == commands.PUBLISH:
            self._bridge.advertise(self.number, wanted)
        elif wanted.kind == commands.SUBSCRIBE:
            self._bridge.subscribe(self.number, wanted, self._outgoing.put_message)
        elif wanted.kind == commands.ROS_SERVICE:
            self._bridge.use_service(self.number, wanted)
        else:
            self._bridge.offer_service(self.number, wanted, functools.partial(self._serve_soon, wanted.topic))

    def _take_call(self, command: str, call: int, frame: Frame) -> None:
        """Handle the frame that `__request` or `__response` announced."""
        self._counts.count("service_calls")
        if command == commands.REQUEST:
            self._bridge.call(
                self.number, frame.destination, frame.payload, functools.partial(self._respond, frame.destination, call)
            )
            return
        if call not in self._open_calls:
            raise InputError(f"{command}: expected srv_id of a request that waits for its response, got {call}")
        _, answer = self._open_calls.pop(call)
        answer(bytes(frame.payload))

    def _respond(self, service: str, call: int, response: bytes | None) -> None:
        """Send the response of a ROS service, from any thread."""
        if response is None:
            self._counts.count("unanswered_calls")
            text = f"service {service} did not answer"
            self._outgoing.put_command(encode_command("__error", {"text": text}))
            return
        head = encode_command(commands.RESPONSE, {"srv_id": call})
        self._outgoing.put_command(head + encode_frame(service, response))

    def _serve_soon(self, service: str, request: bytes, answer: Answer) -> None:
        """Ask the client to serve a request, from any thread."""
        self._loop.call_soon_threadsafe(self._serve, service, request, answer)

    def _serve(self, service: str, request: bytes, answer: Answer) -> None:
        """Ask the client to serve a request."""
        if len(self._open_calls) >= _MAX_OPEN_CALLS:
            self._counts.count("unanswered_calls")
            answer(None)
            return
        call = next(self._next_call)
        self._open_calls[call] = service, answer
        head = encode_command(commands.REQUEST, {"srv_id": call})
        self._outgoing.put_command(head + encode_frame(service, request))
