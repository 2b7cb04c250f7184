"""A ROS service whose responses come later, without keeping the executor busy meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint.bridge import Answer
from unity_depth_perception.ros.endpoint.interfaces import deserialized


@dataclass
class _PendingResponse:
    """Stands in for a response until it is there; `header` says whose request it answers."""

    header: Any = None


def create_service(
    node: Node,
    interface: type[Any],
    name: str,
    ask: Callable[[bytes, Answer], None],
    refuse: Callable[[str], None],
) -> Any:
    """Offer a service that something else serves.

    rclpy's own way, a coroutine as callback, makes its executor poll the coroutine without a pause until it ends. Here
    the callback returns at once, and the response is sent when it comes. Where none comes nothing is sent: the caller's
    own time-out tells.

    Args:
        ask: takes a serialized request, and what to call with the serialized response in the executor's thread.
        refuse: hears of responses that are none.
    """

    def start(request: Any, _: Any) -> _PendingResponse:
        pending = _PendingResponse()
        ask(serialize_message(request), lambda data: respond(pending, data))
        return pending

    def respond(pending: _PendingResponse, data: bytes | None) -> None:
        if data is None or pending.header is None:
            return
        try:
            send(deserialized(data, interface.Response, name), pending.header)
        except InputError as error:
            refuse(str(error))

    service = node.create_service(interface, name, start)
    send = service.send_response
    service.send_response = lambda pending, header: setattr(pending, "header", header)
    return service
