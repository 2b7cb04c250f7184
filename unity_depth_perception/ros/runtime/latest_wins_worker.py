"""One thread for the heavy work: one item in flight, one waiting, the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWinsWorker(Generic[Item]):
    """Hands items to `process` in a thread of its own, so that callbacks return at once.

    An item that a newer one replaces before its turn goes to `on_drop`. What `process` raises goes to `on_error`: the
    next item is processed all the same.
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

    def offer(self, item: Item) -> None:
        """Make `item` the next one."""
        with self._condition:
            replaced, self._waiting = self._waiting, item
            self._condition.notify()
        if replaced is not None:
            self._on_drop(replaced)

    def clear(self) -> None:
        """Forget the item that waits; it counts as dropped."""
        with self._condition:
            forgotten, self._waiting = self._waiting, None
        if forgotten is not None:
            self._on_drop(forgotten)

    def stop(self, timeout_s: float) -> bool:
        """Take no further item and wait for the one in flight; whether it ended in time."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._process(item)
            except Exception as error:  # noqa: BLE001 - whatever one frame breaks, the next one gets its chance
                self._on_error(error)

    def _next(self) -> Item | None:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or self._waiting is not None)
            item, self._waiting = self._waiting, None
            return None if self._stopped else item
