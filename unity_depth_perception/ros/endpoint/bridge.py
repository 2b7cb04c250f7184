"""The endpoint's bridge to ROS: publishers, subscriptions and services on behalf of Unity's clients."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint import commands
from unity_depth_perception.endpoint.bridge import Answer, Deliver, Serve
from unity_depth_perception.endpoint.commands import Registration
from unity_depth_perception.ros.endpoint.interfaces import deserialized, interface_of, require_cdr
from unity_depth_perception.ros.endpoint.services import create_service
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription, QosMismatches

_CALL_TIMEOUT_S = 10.0
_SWEEP_PERIOD_S = 0.5
_CHECKED_BYTES = 1 << 16  # messages up to this size are deserialized once, so that damaged ones are refused here


@dataclass
class _Shared:
    """A publisher, subscription, client or service that one or several Unity clients use."""

    interface: type[Any]
    entity: Any
    destroy: Callable[[Any], object]
    users: dict[int, Any] = field(default_factory=dict)  # what each client gave along: a Deliver, a Serve


class RclpyBridge:
    """See `endpoint.bridge.Bridge`. Entities are made in the caller's thread, and destroyed in the executor's.

    Destroyed in another thread while the executor waits on them, they end its wait with InvalidHandle.
    """

    def __init__(self, node: Node, refuse: Callable[[str], None]) -> None:
        """`refuse` hears of damaged messages of other nodes; the node must be spun in a thread."""
        self._node = node
        self._refuse = refuse
        self._lock = threading.RLock()
        self._shared: dict[tuple[str, str], _Shared] = {}
        self._calls: dict[Any, tuple[float, Answer]] = {}
        self._mismatches = QosMismatches(node)
        node.create_timer(_SWEEP_PERIOD_S, self._sweep)

    def advertise(self, client: int, wanted: Registration) -> None:
        """See `Bridge`."""
        durability = DurabilityPolicy.TRANSIENT_LOCAL if wanted.latch else DurabilityPolicy.VOLATILE
        profile = _profile(wanted.queue_size, durability)
        self._share(client, wanted, None, lambda kind: self._node.create_publisher(kind, wanted.topic, profile))

    def publish(self, client: int, topic: str, payload: memoryview) -> None:
        """See `Bridge`."""
        shared = self._of(client, commands.PUBLISH, topic)
        data = bytes(payload)
        require_cdr(data, topic)
        if len(data) <= _CHECKED_BYTES:
            deserialized(data, shared.interface, topic)
        shared.entity.publish(data)

    def subscribe(self, client: int, wanted: Registration, deliver: Deliver) -> None:
        """See `Bridge`."""
        fan_out = functools.partial(self._fan_out, (commands.SUBSCRIBE, wanted.topic))
        self._share(
            client,
            wanted,
            deliver,
            lambda kind: QosMatchingSubscription(self._node, kind, wanted.topic, fan_out, self._mismatches, raw=True),
        )

    def use_service(self, client: int, wanted: Registration) -> None:
        """See `Bridge`."""
        self._share(client, wanted, None, lambda kind: self._node.create_client(kind, wanted.topic))

    def call(self, client: int, service: str, request: memoryview, answer: Answer) -> None:
        """See `Bridge`. A service that does not answer within 10 s counts as silent."""
        shared = self._of(client, commands.ROS_SERVICE, service)
        message = deserialized(bytes(request), shared.interface.Request, service)
        if not shared.entity.service_is_ready():
            raise InputError(f"service {service}: nobody offers it; start its node first")
        future = shared.entity.call_async(message)
        with self._lock:
            self._calls[future] = (time.monotonic() + _CALL_TIMEOUT_S, answer)
        future.add_done_callback(self._answered)

    def offer_service(self, client: int, wanted: Registration, serve: Serve) -> None:
        """See `Bridge`. Of several clients that offer the same service the latest serves it."""
        key = (commands.UNITY_SERVICE, wanted.topic)

        def ask(request: bytes, answer: Answer) -> None:
            with self._lock:
                serves = list(self._shared[key].users.values()) if key in self._shared else []
            if serves:
                serves[-1](request, lambda data: self._in_executor(lambda: answer(data)))

        self._share(
            client, wanted, serve, lambda kind: create_service(self._node, kind, wanted.topic, ask, self._refuse)
        )

    def remove(self, client: int, kind: str, topic: str) -> None:
        """See `Bridge`."""
        with self._lock:
            shared = self._shared.get((kind, topic))
            if shared is None or shared.users.pop(client, self) is self or shared.users:
                return
            del self._shared[kind, topic]
        self._in_executor(lambda: shared.destroy(shared.entity))

    def forget(self, client: int) -> None:
        """See `Bridge`."""
        with self._lock:
            keys = [key for key, shared in self._shared.items() if client in shared.users]
        for kind, topic in keys:
            self.remove(client, kind, topic)

    def topics(self) -> list[tuple[str, str]]:
        """See `Bridge`. Of a topic with several types the one that a client registered, else the first."""
        with self._lock:
            known = {topic: shared.interface for (_, topic), shared in self._shared.items()}
        listed = []
        for topic, names in self._node.get_topic_names_and_types():
            ours = [name for name in names if topic in known and name.endswith(f"/{known[topic].__name__}")]
            listed.append((topic, (ours or names)[0].replace("/msg/", "/")))
        return listed

    def _share(self, client: int, wanted: Registration, given: Any, make: Callable[[type[Any]], Any]) -> None:
        interface = interface_of(wanted)
        key = (wanted.kind, wanted.topic)
        with self._lock:
            shared = self._shared.get(key)
            if shared is not None and shared.interface is not interface:
                if set(shared.users) - {client}:
                    raise InputError(
                        f"{wanted.topic}: expected {shared.interface.__name__} as another client registered it, got "
                        f"{wanted.package}/{wanted.interface}"
                    )
                self.remove(client, *key)
                shared = None
            if shared is None:
                try:
                    entity = make(interface)
                except (InvalidTopicNameException, InvalidServiceNameException, _rclpy.RCLError, ValueError) as error:
                    raise InputError(f"{wanted.topic}: {error}") from None
                shared = self._shared[key] = _Shared(interface, entity, self._destroyer(wanted.kind))
            shared.users[client] = given

    def _destroyer(self, kind: str) -> Callable[[Any], object]:
        destroyers: dict[str, Callable[[Any], object]] = {
            commands.PUBLISH: self._node.destroy_publisher,
            commands.SUBSCRIBE: QosMatchingSubscription.close,
            commands.ROS_SERVICE: self._node.destroy_client,
            commands.UNITY_SERVICE: self._node.destroy_service,
        }
        return destroyers[kind]

    def _of(self, client: int, kind: str, topic: str) -> _Shared:
        with self._lock:
            shared = self._shared.get((kind, topic))
        if shared is None or client not in shared.users:
            raise InputError(f"{topic}: expected {kind} of this topic first; its message is lost")
        return shared

    def _fan_out(self, key: tuple[str, str], data: bytes) -> None:
        with self._lock:
            delivers = list(self._shared[key].users.values()) if key in self._shared else []
        for deliver in delivers:
            deliver(key[1], data)

    def _answered(self, future: Any) -> None:
        with self._lock:
            call = self._calls.pop(future, None)
        if call is not None:
            response = future.result() if future.exception() is None else None
            call[1](None if response is None else serialize_message(response))

    def _sweep(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [future for future, (deadline, _) in self._calls.items() if deadline < now]
            answers = [self._calls.pop(future)[1] for future in late]
            subscriptions = [s.entity for (kind, _), s in self._shared.items() if kind == commands.SUBSCRIBE]
        for future, answer in zip(late, answers, strict=True):
            future.cancel()
            answer(None)
        for subscription in subscriptions:
            subscription.match_publishers()

    def _in_executor(self, action: Callable[[], object]) -> None:
        executor = self._node.executor
        if executor is not None:
            executor.create_task(action)


def _profile(depth: int, durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability
    )
