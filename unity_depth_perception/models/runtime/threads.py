"""How the computations of a frame share the cores of a CPU."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def on_one_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a function of many small operations: waking other threads for each takes longer than it saves."""

    @functools.wraps(function)
    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*arguments, **named)
        finally:
            torch.set_num_threads(threads)

    return call


@contextmanager
def beside(function: Callable[[], Result], device: torch.device) -> Iterator[Callable[[], Result]]:
    """Compute `function` on a CPU of several cores in a thread of its own, while the block runs.

    The value of the context returns the result, or raises what the function raised; the block does not end before the
    function has. Elsewhere that value is the function itself: a GPU works beside its host anyway.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield function
        return
    future: Future[Result] = Future()
    is_inference = torch.is_inference_mode_enabled()

    def run() -> None:
        torch.set_num_threads(threads)  # else as many as another thread has chosen last
        try:
            with torch.inference_mode(is_inference):
                future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    # A daemon, so that a computation which never ends cannot keep the process alive.
    thread = threading.Thread(target=run, name="beside", daemon=True)
    thread.start()
    try:
        yield future.result
    finally:
        thread.join()
