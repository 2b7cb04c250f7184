"""Synchronisation of several topics by stamp, as message_filters does, with reports of unmatched messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

_QUEUE_SIZE = 10  # messages per topic that wait for their match


class StampSynchronizer:
    """Holds messages until every needed topic has one with the same stamp, up to a tolerance.

    Messages older than a matched frame can no longer be matched and are reported to `on_unmatched`. A stamp earlier
    than the last one of its topic means that the simulation restarted: queued messages with later stamps are discarded.
    """

    def __init__(self, topics: Collection[str], tolerance_ns: int, on_unmatched: Callable[[str, int], None]) -> None:
        """`on_unmatched` gets topic and stamp [ns] of each message that was not matched."""
        self._waiting: dict[str, dict[int, Any]] = {topic: {} for topic in topics}
        self._newest_ns: dict[str, int] = {}
        self._tolerance_ns = tolerance_ns
        self._on_unmatched = on_unmatched

    def add(
        self, topic: str, stamp_ns: int, message: Any, is_complete: Callable[[Collection[str]], bool]
    ) -> Mapping[str, Any] | None:
        """Add a message; if it completes a frame, return its messages by topic, else None.

        A frame is complete if `is_complete` of the topics that have a matching message says so; it has all of these.
        """
        if stamp_ns < self._newest_ns.get(topic, stamp_ns):
            self._discard_after(stamp_ns)
        self._newest_ns[topic] = stamp_ns
        self._waiting[topic][stamp_ns] = message
        frame = {name: stamp for name in self._waiting if (stamp := self._nearest(name, stamp_ns)) is not None}
        if not is_complete(frame):
            self._limit_queue(topic)
            return None
        found = {name: self._waiting[name].pop(stamp) for name, stamp in frame.items()}
        for name, stamp in frame.items():
            self._drop_before(name, stamp)
        return found

    def _nearest(self, topic: str, stamp_ns: int) -> int | None:
        near = min(self._waiting[topic], key=lambda stamp: abs(stamp - stamp_ns), default=None)
        return near if near is not None and abs(near - stamp_ns) <= self._tolerance_ns else None

    def _drop_before(self, topic: str, stamp_ns: int) -> None:
        for stamp in [s for s in self._waiting[topic] if s < stamp_ns]:
            del self._waiting[topic][stamp]
            self._on_unmatched(topic, stamp)

    def _limit_queue(self, topic: str) -> None:
        waiting = self._waiting[topic]
        if len(waiting) > _QUEUE_SIZE:
            self._drop_before(topic, sorted(waiting)[1])

    def _discard_after(self, stamp_ns: int) -> None:
        for waiting in self._waiting.values():
            for stamp in [s for s in waiting if s > stamp_ns]:
                del waiting[stamp]
