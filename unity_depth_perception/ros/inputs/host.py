"""What a source of frames needs from the rclpy node that owns it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rclpy.clock import Clock
from rclpy.timer import Timer

from unity_depth_perception.ros.topics.diagnostics import FrameCounts
from unity_depth_perception.ros.topics.qos import QosMismatches


class Host(Protocol):
    """What a source needs from the rclpy node that owns it."""

    config: Any
    counts: FrameCounts
    mismatches: QosMismatches

    def submit(self, messages: Any) -> None:
        """Queue the messages of a frame for the worker thread, which converts them by `FrameSource.read`."""
        ...

    def refuse(self, outcome: str, error: Exception) -> None:
        """Count an unusable message under `outcome` of diagnostics, and log the error."""
        ...

    def create_timer(self, period_s: float, callback: Callable[[], None], *, clock: Clock) -> Timer:
        """As rclpy's node has it."""
        ...

    def destroy_timer(self, timer: Timer) -> bool:
        """As rclpy's node has it."""
        ...

    def resolve_topic_name(self, topic: str) -> str:
        """The full name after namespace and remapping."""
        ...
