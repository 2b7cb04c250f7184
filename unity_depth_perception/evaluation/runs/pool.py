"""Processes that execute runs in parallel: each keeps its model, and on a GPU machine its own GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from unity_depth_perception.evaluation.runs.fork_server import fork_server_context
from unity_depth_perception.evaluation.runs.plan import Run
from unity_depth_perception.evaluation.runs.worker import Outcome, Worker

_ENDED = Outcome("its process ended (killed, or out of memory); try fewer workers")
_workers: list[Worker] = []  # the one of this process


def execute_parallel(runs: Sequence[Run], devices: Sequence[str]) -> Iterator[tuple[Run, Outcome]]:
    """Execute runs in one process for each device, and give each as it ends.

    A process that ends takes the whole pool with it; the runs that are then left are executed one by one, so that only
    the run that ended its process has no report.
    """
    left: list[Run] = []
    with _pool(devices) as pool:
        pending = {pool.submit(_execute, run): run for run in runs}
        for future in as_completed(pending):
            try:
                yield pending[future], future.result()
            except BrokenProcessPool:
                left.append(pending[future])
    for run in left:
        with _pool(devices[:1]) as pool:
            try:
                yield run, pool.submit(_execute, run).result()
            except BrokenProcessPool:
                yield run, _ENDED


class _pool(ProcessPoolExecutor):  # noqa: N801 - used as a function
    """One process for each device; an exception in the block ends them at once."""

    def __init__(self, devices: Sequence[str]) -> None:
        context = fork_server_context()
        free = context.Queue()
        for device in devices:
            free.put(device)
        super().__init__(len(devices), context, initializer=_start, initargs=(free,))

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool | None:
        if kind is not None:
            for process in list((self._processes or {}).values()):
                process.terminate()
        self.shutdown(wait=True, cancel_futures=True)
        return None


def _start(free: multiprocessing.Queue[str]) -> None:
    """Prepare a worker process: take a device, leave Ctrl-C to the parent, end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _workers.append(Worker(free.get()))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])  # a parent that was killed cannot tell its workers
    os._exit(1)


def _execute(run: Run) -> Outcome:
    return _workers[0].execute(run)
