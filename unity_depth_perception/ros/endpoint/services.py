"""A ROS service that something else serves: a client of Unity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint.bridge import Answer
from unity_depth_perception.ros.endpoint.interfaces import deserialized
from unity_depth_perception.ros.runtime.deferred_response import DeferredResponse, allow_deferred_responses


def create_service(
    node: Node,
    interface: type[Any],
    name: str,
    ask: Callable[[bytes, Answer], None],
    refuse: Callable[[str], None],
) -> Any:
    """Offer a service whose responses come later. Where none comes nothing is sent: the caller's own time-out tells.

    Args:
        ask: takes a serialized request, and what to call with the serialized response in the executor's thread.
        refuse: hears of responses that are none.
    """

    def start(request: Any, _: Any) -> DeferredResponse:
        deferred = DeferredResponse()
        ask(serialize_message(request), lambda data: respond(deferred, data))
        return deferred

    def respond(deferred: DeferredResponse, data: bytes | None) -> None:
        if data is None:
            return
        try:
            deferred.send(deserialized(data, interface.Response, name))
        except InputError as error:
            refuse(str(error))

    service = node.create_service(interface, name, start)
    allow_deferred_responses(service)
    return service
