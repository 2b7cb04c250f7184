"""Samples read or rendered ahead of time, so that publishing keeps its rate."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait

from unity_depth_perception.ros.virtual_unity.messages import ImageFormat, SampleMessages, sample_messages
from unity_depth_perception.ros.virtual_unity.sample_sources import ReadSample


class MessagePrefetcher:
    """The messages of one sample after another, the next one made in the background."""

    def __init__(self, read: ReadSample, form: ImageFormat) -> None:
        """Makes the first sample's messages before it returns.

        Raises:
            PerceptionError: the first sample cannot be read.
        """
        self._read = read
        self._form = form
        self._number = 0
        # Linux counts niceness per thread: rendering ahead gives way to whatever looks at the images.
        self._pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: os.nice(10))
        self._next = self._submit()
        self.current = self._next.result()
        self._next = self._submit()

    def advance(self) -> bool:
        """Go to the next sample if it is ready; whether it was.

        Raises:
            PerceptionError: it cannot be read; the next call tries the one after it.
        """
        if not self._next.done():
            return False
        made, self._next = self._next, self._submit()
        self.current = made.result()
        return True

    def close(self, timeout_s: float) -> bool:
        """Make no further one; whether the thread ended in time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not wait([self._next], timeout_s).not_done

    def _submit(self) -> Future[SampleMessages]:
        number, self._number = self._number, self._number + 1
        return self._pool.submit(lambda: sample_messages(self._read(number), self._form))
