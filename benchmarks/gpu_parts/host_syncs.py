"""Host synchronisations of a call, counted by the line of the package that waits for the device."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import torch

_PACKAGE = "unity_depth_perception"


def count_host_syncs(call: Callable[[], object]) -> Counter[str]:
    """How often each line (file:line) waits for the GPU in one call: what torch reports, and explicit waits."""
    counts: Counter[str] = Counter()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with _recording(counts), warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = _counter(counts)
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return counts


def calling_line() -> str:
    """The innermost line of the package on the stack, as file:line; else the innermost line outside of torch."""
    frame: FrameType | None = sys._getframe(2)
    outside = ""
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts
        line = f"{'/'.join(parts[-3:])}:{frame.f_lineno}"
        if _PACKAGE in parts:
            return line
        if not outside and not {"torch", "gpu_parts", "unittest"} & set(parts):
            outside = line
        frame = frame.f_back
    return outside


def _counter(counts: Counter[str]) -> Callable[..., None]:
    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if "synchronizing CUDA operation" in str(message):
            counts[calling_line()] += 1

    return show


@contextmanager
def _recording(counts: Counter[str]) -> Iterator[None]:
    """Count the explicit waits too, of which torch does not warn."""

    def counted(wait: Callable[..., Any]) -> Callable[..., Any]:
        def wait_and_count(*args: Any, **kwargs: Any) -> Any:
            counts[calling_line()] += 1
            return wait(*args, **kwargs)

        return wait_and_count

    with (
        mock.patch.object(torch.cuda, "synchronize", counted(torch.cuda.synchronize)),
        mock.patch.object(torch.cuda.Event, "synchronize", counted(torch.cuda.Event.synchronize)),
    ):
        yield
