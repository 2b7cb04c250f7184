"""A worker thread with a queue of one: the newest item replaces the one that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWinsWorker(Generic[Item]):
    """Runs `process` on submitted items in a thread of its own, so that ROS callbacks return at once.

    An item that a newer one replaces before it is processed goes to `on_drop`. An exception of `process` goes to
    `on_error`, and the next item is processed.
    """

    def __init__(
        self,
        process: Callable[[Item], None],
        on_drop: Callable[[Item], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._process = process
        self._on_drop = on_drop
        self._on_error = on_error
        self._condition = threading.Condition()
        self._waiting: Item | None = None
        self._stopped = False
        # A daemon, so that a computation which never ends cannot keep the process alive.
        self._thread = threading.Thread(target=self._run, name="perception_worker", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> None:
        """Queue `item` as the next one, in place of the one that waits."""
        with self._condition:
            replaced, self._waiting = self._waiting, item
            self._condition.notify()
        if replaced is not None:
            self._on_drop(replaced)

    def clear(self) -> None:
        """Drop the item that waits."""
        with self._condition:
            dropped, self._waiting = self._waiting, None
        if dropped is not None:
            self._on_drop(dropped)

    def stop(self, timeout_s: float) -> bool:
        """Start no further item and wait for the one in process; True if the thread ended in time."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._process(item)
            except Exception as error:  # noqa: BLE001 - one bad frame must not end the thread
                self._on_error(error)

    def _next(self) -> Item | None:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or self._waiting is not None)
            item, self._waiting = self._waiting, None
            return None if self._stopped else item
