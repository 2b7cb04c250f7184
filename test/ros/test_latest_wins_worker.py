"""Latest-wins worker: one item in process, one waiting, and no error ends the thread."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from unity_depth_perception.ros.runtime.latest_wins_worker import LatestWinsWorker

DEADLINE_S = 5.0


class Bench:
    """A worker whose items wait for `gate`."""

    def __init__(self) -> None:
        self.gate, self.entered, self.done = (threading.Semaphore(0) for _ in range(3))
        self.processed: list[int] = []
        self.dropped: list[int] = []
        self.errors: list[Exception] = []
        self.worker = LatestWinsWorker(self._process, self.dropped.append, self._fail)

    def _process(self, item: int) -> None:
        self.entered.release()
        assert self.gate.acquire(timeout=DEADLINE_S)
        if item < 0:
            raise RuntimeError("a frame that breaks the computation")
        self.processed.append(item)
        self.done.release()

    def _fail(self, error: Exception) -> None:
        self.errors.append(error)
        self.done.release()

    def submit_in_flight(self, item: int) -> None:
        self.worker.submit(item)
        assert self.entered.acquire(timeout=DEADLINE_S)

    def let_pass(self, count: int) -> None:
        self.gate.release(count)
        for _ in range(count):
            assert self.done.acquire(timeout=DEADLINE_S)


def test_newest_item_replaces_the_waiting_ones() -> None:
    bench = Bench()
    bench.submit_in_flight(1)
    for item in (2, 3, 4):
        bench.worker.submit(item)
    bench.let_pass(2)
    assert (bench.processed, bench.dropped) == ([1, 4], [2, 3])
    assert bench.worker.stop(DEADLINE_S)


def test_clear_drops_the_waiting_item() -> None:
    bench = Bench()
    bench.submit_in_flight(1)
    bench.worker.submit(2)
    bench.worker.clear()
    bench.worker.clear()
    bench.let_pass(1)
    bench.submit_in_flight(3)
    bench.let_pass(1)
    assert (bench.processed, bench.dropped) == ([1, 3], [2])


def test_worker_continues_after_an_error() -> None:
    bench = Bench()
    bench.submit_in_flight(-1)
    bench.let_pass(1)
    bench.submit_in_flight(5)
    bench.let_pass(1)
    assert bench.processed == [5]
    assert [str(error) for error in bench.errors] == ["a frame that breaks the computation"]


def test_stop_is_false_while_an_item_is_in_process() -> None:
    bench = Bench()
    bench.submit_in_flight(1)
    assert not bench.worker.stop(0.05)
    bench.let_pass(1)
    assert bench.worker.stop(DEADLINE_S)


def test_stopped_worker_processes_nothing() -> None:
    bench = Bench()
    assert bench.worker.stop(DEADLINE_S)
    bench.worker.submit(1)
    assert bench.processed == []
