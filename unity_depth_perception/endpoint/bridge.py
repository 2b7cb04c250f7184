"""Interface between the endpoint's wire protocol and ROS: publishers, subscriptions, services and their callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from unity_depth_perception.endpoint.commands import Registration

Deliver = Callable[[str, bytes], None]
"""Hands a topic's serialized message to a client; may be called from any thread."""
Answer = Callable[[bytes | None], None]
"""Hands over a serialized response, None where there is none; may be called from any thread."""
Serve = Callable[[bytes, Answer], None]
"""Asks a client to serve a serialized request; may be called from any thread."""


class Bridge(Protocol):
    """Publishers, subscriptions and services on behalf of clients. Called from the event loop; must not block.

    `client` is the number of a client. Clients that use the same topic share its publisher and subscription; `forget`
    ends the registrations of one client. Registering the same thing again changes nothing.
    """

    def advertise(self, client: int, wanted: Registration) -> None:
        """Publish on a topic from now on.

        Raises:
            InputError: the type is unknown, or another type is published on this topic already.
        """
        ...

    def publish(self, client: int, topic: str, payload: memoryview) -> None:
        """Publish a serialized message.

        Raises:
            InputError: the client has not registered the topic, or the message is not CDR.
        """
        ...

    def subscribe(self, client: int, wanted: Registration, deliver: Deliver) -> None:
        """Deliver a topic's messages from now on; raises as `advertise`."""
        ...

    def use_service(self, client: int, wanted: Registration) -> None:
        """Prepare to call a ROS service; raises as `advertise`."""
        ...

    def call(self, client: int, service: str, request: memoryview, answer: Answer) -> None:
        """Call a ROS service.

        Raises:
            InputError: the client has not registered the service, it is unavailable, or the request is not of its type.
        """
        ...

    def offer_service(self, client: int, wanted: Registration, serve: Serve) -> None:
        """Offer a service that the client serves; raises as `advertise`."""
        ...

    def remove(self, client: int, kind: str, topic: str) -> None:
        """End a registration, if there is one; `kind` is one of `commands.REGISTRATIONS`."""
        ...

    def forget(self, client: int) -> None:
        """End all registrations of a client."""
        ...

    def topics(self) -> list[tuple[str, str]]:
        """All topics of the graph with their types, as `sensor_msgs/Image`."""
        ...
