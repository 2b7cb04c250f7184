"""What Unity's clients send, observed at the endpoint's port without a ROS graph."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.endpoint.bridge import Answer, Deliver, Serve
from unity_depth_perception.endpoint.commands import Registration
from unity_depth_perception.endpoint.server import EndpointServer, EndpointSettings
from unity_depth_perception.ros.endpoint.interfaces import deserialized, interface_of, require_cdr

_POLL_S = 0.05
_MAX_REMARKS = 10


@dataclass
class ObservedTopic:
    """Messages of a topic that a client publishes.

    Attributes:
        name: the topic.
        interface: its message class.
        arrivals_ns: when each message came [ns, Unix time].
        stamps_ns: the stamp of each message with a header [ns].
        latest: the last message, None before the first.
    """

    name: str
    interface: type[Any]
    arrivals_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    latest: Any = None

    @property
    def type(self) -> str:
        """The type, as `sensor_msgs/Image`."""
        return f"{self.interface.__module__.split('.')[0]}/{self.interface.__name__}"


@dataclass(frozen=True)
class ClientObservation:
    """What came in.

    Attributes:
        address: where it was listened, as `127.0.0.1:10000`.
        waited_s: how long no client came, or until the first one.
        connections: how many clients connected.
        topics: what clients publish, by topic.
        subscribed: topics that clients listen to.
        remarks: what was refused, in words, each once.
    """

    address: str
    waited_s: float
    connections: int
    topics: dict[str, ObservedTopic]
    subscribed: tuple[str, ...]
    remarks: tuple[str, ...]


def observe_clients(settings: EndpointSettings, wait_s: float, seconds: float) -> ClientObservation:
    """Wait for a client, then take what it sends for `seconds`.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    bridge, remarks = _ObservingBridge(), dict[str, None]()

    def refuse(text: str) -> None:
        if len(remarks) < _MAX_REMARKS:
            remarks[text.partition(": ")[2]] = None  # without the client's number

    server = EndpointServer(bridge, settings, lambda _: None, refuse)
    address, begin = f"{settings.host}:{server.port}", time.monotonic()

    async def observe() -> float:
        serving = asyncio.create_task(server.serve())
        try:
            while not server.counts["connections"] and time.monotonic() < begin + wait_s:
                await asyncio.sleep(_POLL_S)
            waited_s = time.monotonic() - begin
            if server.counts["connections"]:
                await asyncio.sleep(seconds)
            return waited_s
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    waited_s = asyncio.run(observe())
    return ClientObservation(
        address, waited_s, server.counts["connections"], bridge.observed, tuple(bridge.subscribed), tuple(remarks)
    )


class _ObservingBridge:
    """See `endpoint.bridge.Bridge`: keeps what is published, publishes nothing."""

    def __init__(self) -> None:
        self.observed: dict[str, ObservedTopic] = {}
        self.subscribed: dict[str, None] = {}

    def advertise(self, client: int, wanted: Registration) -> None:
        self.observed.setdefault(wanted.topic, ObservedTopic(wanted.topic, interface_of(wanted)))

    def publish(self, client: int, topic: str, payload: memoryview) -> None:
        observed = self.observed.get(topic)
        if observed is None:
            raise InputError(f"{topic}: expected __publish of this topic first; its message is lost")
        data = bytes(payload)
        require_cdr(data, topic)
        observed.latest = deserialized(data, observed.interface, topic)
        observed.arrivals_ns.append(time.time_ns())
        if hasattr(observed.latest, "header"):
            observed.stamps_ns.append(stamp_ns_of(observed.latest.header))

    def subscribe(self, client: int, wanted: Registration, deliver: Deliver) -> None:
        interface_of(wanted)
        self.subscribed[wanted.topic] = None

    def use_service(self, client: int, wanted: Registration) -> None:
        interface_of(wanted)

    def call(self, client: int, service: str, request: memoryview, answer: Answer) -> None:
        answer(None)

    def offer_service(self, client: int, wanted: Registration, serve: Serve) -> None:
        interface_of(wanted)

    def remove(self, client: int, kind: str, topic: str) -> None:
        """Keep what was observed."""

    def forget(self, client: int) -> None:
        """Keep what was observed."""

    def topics(self) -> list[tuple[str, str]]:
        return [(topic.name, topic.type) for topic in self.observed.values()]
