"""Frame counts that a node reports on /diagnostics."""

from __future__ import annotations

import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor

from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC, values_of


class NodeCounts:
    """Subscribes to the frame counts of one node."""

    def __init__(self, name: str) -> None:
        """`name`: full name of the node."""
        rclpy.init()
        self.values: dict[str, str] = {}
        self._name = name
        self._node = rclpy.create_node("node_counts")
        self._node.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._take, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)

    def received(self, wait_s: float) -> int:
        """Number of images that the node has received, after spinning for `wait_s`."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)
        return int(self.values.get("received", 0))

    def settled(self, quiet_s: float) -> int:
        """Number of images that the node has received, once it has stayed the same for `quiet_s`."""
        count = -1
        while count != (count := self.received(quiet_s)):
            pass
        return count

    def _take(self, message: DiagnosticArray) -> None:
        found = values_of(message, self._name)
        if found is not None:
            self.values = found[1]
