"""Newest objects of a topic of ObjectDistanceArray, and the reason where none arrive."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.runtime.signals import remember_signals
from unity_depth_perception.ros.silence import Silence
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription, QosMismatches
from unity_depth_perception.view.frame import ObjectFrame, Rate

_MATCH_PERIOD_S = 1.0


def frame_of(message: ObjectDistanceArray) -> ObjectFrame:
    """The objects of a message that arrives now.

    Raises:
        InputError: an object is impossible.
    """
    return ObjectFrame(
        objects=objects_of(message),
        stamp_ns=stamp_ns_of(message.header),
        frame_id=message.header.frame_id,
        arrived_s=time.monotonic(),
        depth_model=message.depth_model,
        segmentation_model=message.segmentation_model,
    )


class ObjectWatch:
    """Follows one topic of ObjectDistanceArray on a node that somebody spins.

    Attributes:
        frame: the newest objects; None before the first.
        rate: frames per second.
        topic: full name of the topic.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Subscribe to `topic`, with the QoS that its publishers offer."""
        self.frame: ObjectFrame | None = None
        self.rate = Rate()
        mismatches = QosMismatches(node)
        self._subscription = QosMatchingSubscription(node, ObjectDistanceArray, topic, self._take, mismatches)
        self.topic = self._subscription.topic
        self._silence = Silence(node, self.topic, mismatches)
        node.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._silence.take_diagnostics, 10)
        node.create_timer(_MATCH_PERIOD_S, self._subscription.match_publishers)

    def reason(self) -> str:
        """Why nothing arrives, and what to do, in sentences."""
        return self._silence.reason()

    def _take(self, message: ObjectDistanceArray) -> None:
        try:
            self.frame, self._silence.refused = frame_of(message), ""
        except InputError as error:
            self._silence.refused = str(error)
            return
        self.rate.add()


@contextlib.contextmanager
def watching(topic: str) -> Iterator[tuple[ObjectWatch, Callable[[float], None]]]:
    """An ObjectWatch on a node of its own, and a function that receives for at most so many seconds.

    Ctrl-C and SIGTERM end the context quietly.
    """
    received = remember_signals()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        executor = SingleThreadedExecutor()
        node = rclpy.create_node(f"unity_depth_watch_{os.getpid()}")
        executor.add_node(node)
        yield ObjectWatch(node, topic), executor.spin_once
    except (KeyboardInterrupt, Exception):
        if not received:  # else it is what the signal became
            raise
    finally:
        rclpy.try_shutdown()
