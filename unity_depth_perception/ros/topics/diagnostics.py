"""Outcome counts, rates and stage times of the frames, published on /diagnostics."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

if TYPE_CHECKING:
    import torch

DIAGNOSTICS_TOPIC = "/diagnostics"
OUTCOMES = ("received", "processed", "dropped", "refused", "unwatched", "refused inputs", "lost")
PAIRINGS = ("camera_info by stamp", "camera_info latest", "poses used", "poses missed", "poses refused")
STAMPS = ("repeated stamps", "stamps going back")
IMAGE_TOPIC = "image topic"  # key of the topic that a node takes frames from
_RECENT = 100  # frames that the percentiles of the stage times are taken over
_RATE_WINDOW_S = 5.0
_MAX_STAMP_AGE_S = 60.0  # an older stamp is of another clock: Unity's starts at 0 when Play does


class FrameCounts:
    """Counts frames by outcome and records the duration of each stage; thread-safe.

    Outcomes: received, images that arrived; processed, results published; dropped, replaced by a newer frame before
    processing; refused, invalid image or failed computation (see `last_reason`); unwatched, skipped because no output
    had a subscriber; refused inputs, invalid camera_info or camera_pose, and poses that contradict their image; lost,
    images that the middleware lost, so that received + lost is what was sent.

    Pairings: frames that got the camera_info of their own stamp, or the latest one; that got a pose, or none although
    poses are published; refused poses. Stamps: frames whose stamp is 0 or that of the frame before, or goes back.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        """`now_ns` returns the time [ns] that stamps are compared with."""
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}
        self._times_s: dict[str, deque[float]] = {}
        self.last_reason = ""
        self.last_refused = False  # whether the last frame that a worker took was refused

    def count(self, outcome: str, number: int = 1) -> None:
        """Add frames to an outcome."""
        now_s = time.monotonic()
        with self._lock:
            self._counts[outcome] += number
            times_s = self._times_s.setdefault(outcome, deque())
            times_s.append(now_s)
            while times_s[0] < now_s - _RATE_WINDOW_S:
                times_s.popleft()
            if outcome in ("processed", "refused"):
                self.last_refused = outcome == "refused"

    def refuse(self, outcome: str, reason: str) -> None:
        """Add one frame or message to an outcome, with the reason why it was refused."""
        self.count(outcome)
        self.last_reason = reason

    def record_durations(self, stage_s: Mapping[str, float]) -> None:
        """Record the seconds that one frame spent in each stage; `latency` is from arrival to publication."""
        with self._lock:
            for stage, seconds in stage_s.items():
                self._seconds.setdefault(stage, deque(maxlen=_RECENT)).append(seconds)

    def record_published(self, stamp_ns: int) -> None:
        """Record the age of a frame with this stamp at publication, if the stamp is of the same clock."""
        age_s = (self._now_ns() - stamp_ns) / 1e9
        if 0 <= age_s <= _MAX_STAMP_AGE_S:
            self.record_durations({"stamp to publish": age_s})

    def __getitem__(self, outcome: str) -> int:
        with self._lock:
            return self._counts[outcome]

    def rate_hz(self, outcome: str) -> float:
        """Frames per second with this outcome over the last five seconds."""
        since_s = time.monotonic() - _RATE_WINDOW_S
        with self._lock:
            return sum(t >= since_s for t in self._times_s.get(outcome, ())) / _RATE_WINDOW_S

    def since_last_s(self, outcome: str) -> float | None:
        """Seconds since the last frame with this outcome; None if there was none."""
        with self._lock:
            times_s = self._times_s.get(outcome)
            return time.monotonic() - times_s[-1] if times_s else None

    def values(self) -> dict[str, str]:
        """Key-value pairs for diagnostics: counts, rates, last reason, duration of each stage (p50, p95) [ms]."""
        with self._lock:
            counts = {outcome: str(self._counts[outcome]) for outcome in (*OUTCOMES, *PAIRINGS, *STAMPS)}
            seconds = {stage: list(recent) for stage, recent in self._seconds.items()}
        counts["input rate [Hz]"] = f"{self.rate_hz('received'):.1f}"
        counts["output rate [Hz]"] = f"{self.rate_hz('processed'):.1f}"
        for stage, recent in seconds.items():
            p50, p95 = np.percentile(recent, (50, 95)) * 1e3
            counts[f"{stage} p50 [ms]"], counts[f"{stage} p95 [ms]"] = f"{p50:.1f}", f"{p95:.1f}"
        return counts | {"last reason": self.last_reason}


def memory_values(device: torch.device) -> dict[str, str]:
    """Key-value pairs for diagnostics: device, resident memory of this process [MB], GPU memory [MB] on CUDA."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    values = {"device": str(device), "memory [MB]": f"{pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f}"}
    if device.type == "cuda":
        import torch  # late: `unity-depth watch` reads diagnostics without it

        values["device"] += f" {torch.cuda.get_device_name(device)}"
        values["GPU memory [MB]"] = f"{torch.cuda.memory_allocated(device) / 1e6:.0f}"
    return values


class DiagnosticsPublisher:
    """Publishes the status `<full node name>: frames` of a node on /diagnostics."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._name = f"{node.get_fully_qualified_name()}: frames"
        self._publisher = node.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, 10)

    def publish(self, level: bytes, text: str, values: Mapping[str, str]) -> None:
        """Publish a status: level of DiagnosticStatus (OK, WARN, ERROR), message, key-value pairs."""
        status = DiagnosticStatus(level=level, name=self._name, message=text, hardware_id=platform.node())
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def values_of(message: DiagnosticArray, node_name: str) -> tuple[DiagnosticStatus, dict[str, str]] | None:
    """Status and key-value pairs of the node with this full name; None if the message has none."""
    for status in message.status:
        if status.name == f"{node_name}: frames":
            return status, {item.key: item.value for item in status.values}
    return None
