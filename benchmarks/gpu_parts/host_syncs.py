"""Host synchronisations of a call, counted by the line of the package that waits for the device."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
    """The innermost line of the package on the stack, as file:line; else the innermost line of all."""
    frames = [frame for frame in traceback.extract_stack()[:-2] if "gpu_parts" not in frame.filename]
    own = [frame for frame in frames if _PACKAGE in Path(frame.filename).parts]
    frame = (own or frames)[-1]
    return f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"


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
