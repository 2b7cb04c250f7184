"""Messages of several topics that belong to one frame, found by their stamps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

_DEPTH = 10  # messages of a topic that wait for their partners


class StampSynchronizer:
    """Holds the messages of some topics until one of each has the same stamp, or one within the tolerance.

    What a newer frame has overtaken can find no partner any more: it goes to `on_lost`. A stamp that goes back on its
    topic means that the simulation has started again: what was waiting from later times is forgotten.
    """

    def __init__(self, topics: Collection[str], tolerance_ns: int, on_lost: Callable[[str, int], None]) -> None:
        """`on_lost` gets topic and stamp [ns] of each message that found no partner."""
        self._waiting: dict[str, dict[int, Any]] = {topic: {} for topic in topics}
        self._newest_ns: dict[str, int] = {}
        self._tolerance_ns = tolerance_ns
        self._on_lost = on_lost

    def add(self, topic: str, stamp_ns: int, message: Any, needed: Collection[str]) -> Mapping[str, Any] | None:
        """One more message; a message of each `needed` topic if that completes a frame, by topic.

        Of the other topics the result holds what is there.
        """
        if stamp_ns < self._newest_ns.get(topic, stamp_ns):
            self._forget_after(stamp_ns)
        self._newest_ns[topic] = stamp_ns
        self._waiting[topic][stamp_ns] = message
        frame = {name: stamp for name in self._waiting if (stamp := self._nearest(name, stamp_ns)) is not None}
        if not all(name in frame for name in needed):
            self._limit(topic)
            return None
        found = {name: self._waiting[name].pop(stamp) for name, stamp in frame.items()}
        for name, stamp in frame.items():
            self._lose_before(name, stamp)
        return found

    def _nearest(self, topic: str, stamp_ns: int) -> int | None:
        near = min(self._waiting[topic], key=lambda stamp: abs(stamp - stamp_ns), default=None)
        return near if near is not None and abs(near - stamp_ns) <= self._tolerance_ns else None

    def _lose_before(self, topic: str, stamp_ns: int) -> None:
        for stamp in [s for s in self._waiting[topic] if s < stamp_ns]:
            del self._waiting[topic][stamp]
            self._on_lost(topic, stamp)

    def _limit(self, topic: str) -> None:
        waiting = self._waiting[topic]
        if len(waiting) > _DEPTH:
            self._lose_before(topic, sorted(waiting)[1])

    def _forget_after(self, stamp_ns: int) -> None:
        for waiting in self._waiting.values():
            for stamp in [s for s in waiting if s > stamp_ns]:
                del waiting[stamp]
