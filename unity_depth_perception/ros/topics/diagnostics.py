"""What became of the frames, counted and published on /diagnostics."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

DIAGNOSTICS_TOPIC = "/diagnostics"
OUTCOMES = ("received", "processed", "dropped", "refused", "unwatched", "refused inputs")
_RECENT = 100  # frames that the latency is taken over
_RATE_WINDOW_S = 5.0
_MOST_AGE_S = 60.0  # a stamp farther from now is another clock's: Unity counts from Play


class FrameCounts:
    """Counts what became of the frames; safe to use from several threads.

    received: images that arrived; processed: results published; dropped: a newer frame came first; refused: bad image
    or a failed computation, `last_reason` says which; unwatched: nobody subscribed to any output; refused inputs: bad
    messages besides images (camera_info, camera_pose), and poses that contradict their images.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        """`now_ns` is the clock [ns] that stamps are compared with."""
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}
        self._times_s: dict[str, deque[float]] = {}
        self.last_reason = ""
        self.last_refused = False  # whether the newest frame that was looked at could not be used

    def count(self, outcome: str) -> None:
        """One more frame of this outcome."""
        now_s = time.monotonic()
        with self._lock:
            self._counts[outcome] += 1
            times_s = self._times_s.setdefault(outcome, deque())
            times_s.append(now_s)
            while times_s[0] < now_s - _RATE_WINDOW_S:
                times_s.popleft()
            if outcome in ("processed", "refused"):
                self.last_refused = outcome == "refused"

    def refuse(self, outcome: str, reason: str) -> None:
        """One more message that cannot be used."""
        self.count(outcome)
        self.last_reason = reason

    def took(self, stage_s: Mapping[str, float]) -> None:
        """Seconds that one frame spent in each stage; `latency` is from arrival to publication."""
        with self._lock:
            for stage, seconds in stage_s.items():
                self._seconds.setdefault(stage, deque(maxlen=_RECENT)).append(seconds)

    def published(self, stamp_ns: int) -> None:
        """The results of the frame with this stamp are out."""
        age_s = (self._now_ns() - stamp_ns) / 1e9
        if 0 <= age_s <= _MOST_AGE_S:
            self.took({"stamp to publish": age_s})

    def __getitem__(self, outcome: str) -> int:
        with self._lock:
            return self._counts[outcome]

    def rate_hz(self, outcome: str) -> float:
        """How often it happened in the last five seconds."""
        since_s = time.monotonic() - _RATE_WINDOW_S
        with self._lock:
            return sum(t >= since_s for t in self._times_s.get(outcome, ())) / _RATE_WINDOW_S

    def silent_s(self, outcome: str) -> float | None:
        """Seconds since it happened last; None if it never did."""
        with self._lock:
            times_s = self._times_s.get(outcome)
            return time.monotonic() - times_s[-1] if times_s else None

    def values(self) -> dict[str, str]:
        """Counts, rates, last reason and milliseconds of each stage (p50, p95) as text."""
        with self._lock:
            counts = {outcome: str(self._counts[outcome]) for outcome in OUTCOMES}
            seconds = {stage: list(recent) for stage, recent in self._seconds.items()}
        counts["input rate [Hz]"] = f"{self.rate_hz('received'):.1f}"
        counts["output rate [Hz]"] = f"{self.rate_hz('processed'):.1f}"
        for stage, recent in seconds.items():
            p50, p95 = np.percentile(recent, (50, 95)) * 1e3
            counts[f"{stage} p50 [ms]"], counts[f"{stage} p95 [ms]"] = f"{p50:.1f}", f"{p95:.1f}"
        return counts | {"last reason": self.last_reason}


def memory_values(device: torch.device) -> dict[str, str]:
    """What this process holds of the machine's memory, and of the GPU's if it computes there [MB]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    values = {"device": str(device), "memory [MB]": f"{pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f}"}
    if device.type == "cuda":
        values["device"] += f" {torch.cuda.get_device_name(device)}"
        values["GPU memory [MB]"] = f"{torch.cuda.memory_allocated(device) / 1e6:.0f}"
    return values


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
