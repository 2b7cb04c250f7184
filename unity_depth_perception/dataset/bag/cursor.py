"""Messages of a bag by key, in constant memory where they are asked for in about the order of the bag."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.index import MessageKey, MessageNumbers
from unity_depth_perception.dataset.bag.reader import BagReader, RawMessage

_NEAR_NS = 2_000_000_000  # messages of a frame that were received farther apart are fetched one by one


class MessageCursor:
    """Reads on from message to message; holds those that a later frame needs, and seeks where it must go back."""

    def __init__(self, bag: BagReader, topics: Collection[str], last_use: Mapping[MessageKey, int]) -> None:
        """`last_use` is the number of the last frame that needs a message; others are skipped."""
        self._bag = bag
        self._topics = topics
        self._last_use = last_use
        self._held: dict[MessageKey, RawMessage] = {}
        self._numbers = MessageNumbers()
        self._messages: Iterator[RawMessage] = iter(())
        self._read_ns = -_NEAR_NS - 1  # time of the last message read [ns]; before all times: none

    def fetch(self, frame: int, keys: Collection[MessageKey]) -> dict[MessageKey, RawMessage]:
        """The messages of a frame.

        Raises:
            DatasetError: the bag has changed, or is damaged.
        """
        start_ns = min(key.received_ns for key in keys)
        near = [key for key in keys if key.received_ns <= start_ns + _NEAR_NS]
        missing = [key for key in near if key not in self._held]
        is_far = any(key.received_ns > self._read_ns + _NEAR_NS for key in missing)
        if is_far or any(key.received_ns < self._read_ns or self._numbers.has_passed(key) for key in missing):
            self._seek(start_ns)
        self._read_to(frame, [key for key in near if key not in self._held])
        found = {key: self._held[key] for key in near} | {key: self._one(key) for key in keys if key not in near}
        self._held = {key: message for key, message in self._held.items() if self._last_use[key] > frame}
        return found

    def _seek(self, since_ns: int) -> None:
        self._held.clear()
        self._numbers = MessageNumbers()
        self._messages = self._bag.messages(self._topics, since_ns)
        self._read_ns = since_ns - 1

    def _read_to(self, frame: int, missing: Collection[MessageKey]) -> None:
        wanted = set(missing)
        while wanted:
            message = next(self._messages, None)
            if message is None:
                raise DatasetError(f"{self._bag.path}: expected {sorted(wanted)[0]} again; the bag has changed")
            key = self._numbers.key_of(message)
            self._read_ns = message.received_ns
            if self._last_use.get(key, -1) >= frame:
                self._held[key] = message
            wanted.discard(key)

    def _one(self, key: MessageKey) -> RawMessage:
        numbers = MessageNumbers()
        for message in self._bag.messages((key.topic,), key.received_ns):
            if numbers.key_of(message) == key:
                return message
        raise DatasetError(f"{self._bag.path}: expected {key} again; the bag has changed")
