"""Commands of ROS-TCP-Connector 0.7: the ones that an endpoint understands, with checked parameters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from unity_depth_perception.core.errors import InputError

PUBLISH, SUBSCRIBE = "__publish", "__subscribe"
ROS_SERVICE, UNITY_SERVICE = "__ros_service", "__unity_service"
REMOVE_PUBLISHER, REMOVE_SUBSCRIBER = "__remove_publisher", "__remove_subscriber"
REMOVE_ROS_SERVICE, REMOVE_UNITY_SERVICE = "__remove_ros_service", "__remove_unity_service"
TOPIC_LIST, REQUEST, RESPONSE = "__topic_list", "__request", "__response"
REGISTRATIONS = (PUBLISH, SUBSCRIBE, ROS_SERVICE, UNITY_SERVICE)
REMOVALS = {
    REMOVE_PUBLISHER: PUBLISH,
    REMOVE_SUBSCRIBER: SUBSCRIBE,
    REMOVE_ROS_SERVICE: ROS_SERVICE,
    REMOVE_UNITY_SERVICE: UNITY_SERVICE,
}
SERVICE_CALLS = (REQUEST, RESPONSE)
KNOWN = (*REGISTRATIONS, *REMOVALS, *SERVICE_CALLS, TOPIC_LIST)

_MAX_JSON_BYTES = 65536
_MAX_QUEUE = 1000
_TOPIC = re.compile(r"[A-Za-z_/~][A-Za-z0-9_/~]{0,255}")
_INTERFACE = re.compile(r"([a-z][a-z0-9_]*)/(?:msg/|srv/)?([A-Z][A-Za-z0-9]*)")


@dataclass(frozen=True)
class Registration:
    """A topic or service that a client wants to publish, subscribe to, call or serve.

    Attributes:
        kind: one of REGISTRATIONS.
        topic: topic or service.
        package, interface: "sensor_msgs", "Image".
        queue_size: messages that a publisher keeps.
        latch: whether a publisher keeps its last message for those who subscribe later.
    """

    kind: str
    topic: str
    package: str
    interface: str
    queue_size: int = 10
    latch: bool = False


def parse_parameters(command: str, payload: bytes | memoryview) -> dict[str, Any]:
    """The parameters of a command.

    Raises:
        InputError: the command is unknown, or its payload is not a JSON object.
    """
    if command not in KNOWN:
        raise InputError(f"expected a command of ROS-TCP-Connector 0.7 ({', '.join(KNOWN)}), got {command[:40]!r}")
    if len(payload) > _MAX_JSON_BYTES:
        raise InputError(f"{command}: expected at most {_MAX_JSON_BYTES} bytes of JSON, got {len(payload)}")
    text = bytes(payload).rstrip(b"\0")
    try:
        parameters = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise InputError(f"{command}: expected parameters as JSON, got {text[:60]!r} ({error})") from None
    if not isinstance(parameters, dict):
        raise InputError(f"{command}: expected parameters as a JSON object, got {text[:60]!r}")
    return parameters


def parse_registration(command: str, parameters: dict[str, Any]) -> Registration:
    """Registration that a `__publish`, `__subscribe`, `__ros_service` or `__unity_service` command asks for.

    Raises:
        InputError: a parameter is missing or impossible.
    """
    topic, name = topic_of(command, parameters), parameters.get("message_name")
    match = _INTERFACE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise InputError(f"{command} {topic}: expected message_name as package/Name, got {name!r:.60}")
    queue_size, latch = parameters.get("queue_size", 10), parameters.get("latch", False)
    if not isinstance(queue_size, int) or isinstance(queue_size, bool) or not 0 <= queue_size <= _MAX_QUEUE:
        raise InputError(f"{command} {topic}: expected queue_size from 0 to {_MAX_QUEUE}, got {queue_size!r:.60}")
    return Registration(command, topic, match[1], match[2], max(1, queue_size), bool(latch))


def topic_of(command: str, parameters: dict[str, Any]) -> str:
    """The topic or service that a command is about.

    Raises:
        InputError: it is missing or not a name.
    """
    topic = parameters.get("topic")
    if not isinstance(topic, str) or _TOPIC.fullmatch(topic) is None:
        raise InputError(f"{command}: expected a topic or service such as /unity/camera/image_raw, got {topic!r:.80}")
    return topic


def call_id_of(command: str, parameters: dict[str, Any]) -> int:
    """The number that a service request and its response share.

    Raises:
        InputError: it is missing or not a whole number.
    """
    number = parameters.get("srv_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise InputError(f"{command}: expected srv_id as a whole number, got {number!r:.60}")
    return number
