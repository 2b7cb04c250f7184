"""Counters of an endpoint: connections, messages and calls, both handled and lost."""

from __future__ import annotations

import threading
from collections import Counter


class Counts:
    """Named counters; any thread may count.

    Names: connections, refused_connections, received, published, sent, dropped_to_slow_client, unregistered, refused,
    service_calls, unanswered_calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, name: str, number: int = 1) -> None:
        """Add to one counter."""
        with self._lock:
            self._counts[name] += number

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def values(self) -> dict[str, int]:
        """Values of all counters used so far, by name."""
        with self._lock:
            return dict(self._counts)
