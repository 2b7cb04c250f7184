"""Child processes that never outlive the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from unity_depth_perception.core.errors import PerceptionError

_STOP_TIMEOUT_S = 4.0
_LOG_LINES = 15


class NodeProcesses:
    """Nodes as Python processes, each the leader of its own process group; leaving the context ends all of them."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, ros_arguments: list[str]) -> None:
        """Run `python -m module --ros-args ...`; its output goes to `<name>.log`."""
        command = [sys.executable, "-m", module, "--ros-args", *ros_arguments]
        with self._log(name).open("wb") as log, _signals_held():
            # A session of its own: Ctrl-C reaches the demo alone, which then ends the nodes in order.
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def check(self) -> None:
        """See that all are alive.

        Raises:
            PerceptionError: one has ended; the message holds the end of its log.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise PerceptionError(f"{name} ended with exit code {process.returncode}:\n{self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """The last lines that a process wrote."""
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def stop(self) -> dict[str, int]:
        """End all: SIGINT as Ctrl-C would, then SIGKILL to what is left of the group. The exit codes."""
        for process in self._running.values():
            _signal_group(process, signal.SIGINT)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.0))
            _signal_group(process, signal.SIGKILL)
        codes = {name: process.wait() for name, process in self._running.items()}
        self._running = {}
        return codes

    def __enter__(self) -> NodeProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _signals_held():  # a second Ctrl-C must not cut this short
            self.stop()

    def _log(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block ends: between fork and bookkeeping they would leave a child unknown.

    By handlers, not by a signal mask, which the child would inherit.
    """
    held: list[int] = []
    handlers = {n: signal.signal(n, lambda number, _: held.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # the whole group has ended
        os.killpg(process.pid, number)
