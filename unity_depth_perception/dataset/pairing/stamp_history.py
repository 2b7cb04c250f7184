"""The last values of a topic by stamp."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class StampHistory(Generic[Value]):
    """Keeps the last values of a topic. A stamp earlier than the last one means that the simulation restarted.

    Then the values of the run before are forgotten. Of two values with one stamp the later one stays.
    """

    def __init__(self, size: int = 100) -> None:
        self._size = size
        self._values: OrderedDict[int, Value] = OrderedDict()

    def add(self, stamp_ns: int, value: Value) -> None:
        """Store a value."""
        if self._values and stamp_ns < self.newest_ns:
            self._values.clear()
        self._values[stamp_ns] = value
        while len(self._values) > self._size:
            self._values.popitem(last=False)

    def forget_if_after(self, stamp_ns: int) -> None:
        """Forget all values if the last one is of a later stamp: another topic has gone back to this one."""
        if self._values and self.newest_ns > stamp_ns:
            self._values.clear()

    @property
    def newest_ns(self) -> int:
        """The last stamp; -1 of an empty history."""
        return next(reversed(self._values), -1)

    def exact(self, stamp_ns: int) -> Value | None:
        """The value with this stamp."""
        return self._values.get(stamp_ns)

    def neighbours(self, stamp_ns: int) -> tuple[tuple[int, Value] | None, tuple[int, Value] | None]:
        """The last value before a stamp and the first one after it, each with its own stamp."""
        before = after = None
        for stamp, value in reversed(self._values.items()):
            if stamp > stamp_ns:
                after = (stamp, value)
            elif stamp < stamp_ns:
                before = (stamp, value)
                break
        return before, after
