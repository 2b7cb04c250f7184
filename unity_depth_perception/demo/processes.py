"""Child processes that end with the demo, however it ends."""

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
    """Nodes as Python processes, each in its own process group; leaving the context ends all of them."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, ros_arguments: list[str]) -> None:
        """Run `python -m module --ros-args ...`; its output goes to `<name>.log`."""
        command = [sys.executable, "-m", module, "--ros-args", *ros_arguments]
        with self._log(name).open("wb") as log, _signals_deferred():
            # In a session of its own: Ctrl-C reaches only the demo, which then ends the nodes.
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def check(self) -> None:
        """Check that all processes are alive.

        Raises:
            PerceptionError: a process has ended; the message has the end of its log.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise PerceptionError(f"{name} ended with exit code {process.returncode}:\n{self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """The last lines of a process's log."""
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def stop(self) -> dict[str, int]:
        """End all processes: SIGINT, then SIGKILL to what is left of each group; return the exit codes by name."""
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
        with _signals_deferred():  # a second Ctrl-C must not interrupt this
            self.stop()

    def _log(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"


@contextlib.contextmanager
def _signals_deferred() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM to the end of the block: between fork and bookkeeping they would leave a child running.

    It replaces the handlers instead of masking the signals, because a child process inherits the mask.
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
