"""What became of the frames, counted and published on /diagnostics."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

DIAGNOSTICS_TOPIC = "/diagnostics"
OUTCOMES = ("received", "processed", "dropped", "refused", "unwatched")
_RECENT = 100  # frames that the latency is taken over


class FrameCounts:
    """Counts what became of the frames; safe to use from several threads.

    received: images that arrived; processed: results published; dropped: a newer frame came first; refused: bad input
    or a failed computation, `last_reason` says which; unwatched: nobody subscribed to any output.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}
        self.last_reason = ""

    def count(self, outcome: str) -> None:
        """One more frame of this outcome."""
        with self._lock:
            self._counts[outcome] += 1

    def refuse(self, reason: str) -> None:
        """One more refused message."""
        with self._lock:
            self._counts["refused"] += 1
            self.last_reason = reason

    def took(self, stage_s: Mapping[str, float]) -> None:
        """Seconds that one frame spent in each stage; `latency` is from arrival to publication."""
        with self._lock:
            for stage, seconds in stage_s.items():
                self._seconds.setdefault(stage, deque(maxlen=_RECENT)).append(seconds)

    def __getitem__(self, outcome: str) -> int:
        with self._lock:
            return self._counts[outcome]

    def values(self) -> dict[str, str]:
        """Counts, last reason and milliseconds of each stage (p50, p95) as text."""
        with self._lock:
            counts = {outcome: str(self._counts[outcome]) for outcome in OUTCOMES}
            seconds = {stage: list(recent) for stage, recent in self._seconds.items()}
            reason = self.last_reason
        for stage, recent in seconds.items():
            p50, p95 = np.percentile(recent, (50, 95)) * 1e3
            counts[f"{stage} p50 [ms]"], counts[f"{stage} p95 [ms]"] = f"{p50:.1f}", f"{p95:.1f}"
        return counts | {"last reason": reason}


class DiagnosticsPublisher:
    """Publishes one status of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._name = f"{node.get_fully_qualified_name()}: frames"
        self._publisher = node.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, 10)

    def publish(self, level: bytes, text: str, values: Mapping[str, str]) -> None:
        """Publish with a level of DiagnosticStatus (OK, WARN, ERROR)."""
        status = DiagnosticStatus(level=level, name=self._name, message=text)
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def values_of(message: DiagnosticArray, node_name: str) -> tuple[DiagnosticStatus, dict[str, str]] | None:
    """The status of a node (full name) and its values, if the message holds it."""
    for status in message.status:
        if status.name == f"{node_name}: frames":
            return status, {item.key: item.value for item in status.values}
    return None
