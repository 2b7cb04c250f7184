"""Prefetching: the next sample is read or rendered, and converted to messages, in a background thread."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait

from unity_depth_perception.ros.virtual_unity.messages import ImageFormat, SampleMessages, sample_messages
from unity_depth_perception.ros.virtual_unity.sample_sources import ReadSample


class MessagePrefetcher:
    """Provides the messages of one sample after another; prepares the next while the current one is published."""

    def __init__(self, read: ReadSample, image_format: ImageFormat) -> None:
        """Prepares the first sample before it returns; `read` gives the sample with a number from 0 on.

        Raises:
            PerceptionError: the first sample cannot be read.
        """
        self._read = read
        self._image_format = image_format
        self._number = 0
        # Linux counts niceness per thread: prefetching gives way to the nodes that process the images.
        self._pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: os.nice(10))
        self._next = self._submit()
        self.current = self._next.result()
        self._next = self._submit()

    def advance(self) -> bool:
        """Make the next sample the current one if it is ready; True if so.

        Raises:
            PerceptionError: the next sample cannot be read; the next call continues with the one after it.
        """
        if not self._next.done():
            return False
        ready, self._next = self._next, self._submit()
        self.current = ready.result()
        return True

    def close(self, timeout_s: float) -> bool:
        """Stop prefetching; True if the thread ended in time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not wait([self._next], timeout_s).not_done

    def _submit(self) -> Future[SampleMessages]:
        number, self._number = self._number, self._number + 1
        return self._pool.submit(lambda: sample_messages(self._read(number), self._image_format))
