"""Setup steps: their inputs, stamps of finished steps, progress and logs. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from setup_machine import SetupError, explain_failure

HEARTBEAT_S = 30.0  # interval of progress lines without a terminal


@dataclass(frozen=True)
class Step:
    """One step of setup; it runs again when one of `inputs` (files) or `facts` (values) changes."""

    name: str
    title: str
    action: Callable[[], None]
    inputs: Sequence[Path] = ()
    facts: Sequence[str] = ()

    def fingerprint(self) -> str:
        """Hash of all inputs and facts."""
        digest = hashlib.sha256("\0".join(self.facts).encode())
        for path in sorted(self.inputs):
            digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()


class Stamps:
    """Records finished steps, one stamp file each; an interrupted step has none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_done(self, step: Step) -> bool:
        """Whether the step has finished with the inputs as they are now."""
        path = self._path(step)
        return path.is_file() and path.read_text() == step.fingerprint()

    def forget(self, step: Step) -> None:
        """Remove the stamp; call before the step starts, so that an interrupted step is not done."""
        self._path(step).unlink(missing_ok=True)

    def remember(self, step: Step) -> None:
        """Write the stamp atomically; call when the step has finished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._path(step).with_suffix(".draft")
        draft.write_text(step.fingerprint())
        draft.replace(self._path(step))

    def _path(self, step: Step) -> Path:
        return self.folder / f"{step.name}.done"


class Progress:
    """A numbered list of steps with elapsed times; on a terminal the current one counts its seconds."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0
        self._terminal = sys.stdout.isatty()
        self._title = ""
        self._started = self._last_sign = time.monotonic()

    def start(self, title: str) -> None:
        """Announce the next step."""
        self.number += 1
        self._title = title
        self._started = self._last_sign = time.monotonic()
        print(self._line(), end="" if self._terminal else "\n", flush=True)

    def alive(self, last_output: str) -> None:
        """Show that the step still runs, with its last line of output."""
        now = time.monotonic()
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            line = f"{self._line()} {now - self._started:.0f} s  {last_output}"
            print(f"\r\033[K{line[:width]}", end="", flush=True)
        elif now - self._last_sign >= HEARTBEAT_S:
            self._last_sign = now
            print(f"      ... {now - self._started:.0f} s  {last_output[:100]}", flush=True)

    def note(self, text: str) -> None:
        """Print a line about the current step."""
        print(f"{chr(10) if self._terminal else ''}      {text}", flush=True)

    def finish(self, word: str = "done") -> None:
        """Report the end of the step."""
        start = f"\r\033[K{self._line()}" if self._terminal else "     "
        print(f"{start} {word}, {time.monotonic() - self._started:.0f} s", flush=True)

    def skip(self, title: str) -> None:
        """Report a step that is up to date."""
        self.number += 1
        self._title = title
        print(f"{self._line()} up to date", flush=True)

    def _line(self) -> str:
        return f"[{self.number}/{self.total}] {self._title} ..."


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which the system releases however the process ends.

    Raises:
        SetupError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another setup of {path.parent.parent} is running; wait for it or end it") from None
        yield


def run_logged(
    command: Sequence[str], log: Path, environment: Mapping[str, str], progress: Progress, megabytes: int = 0
) -> None:
    """Run a command with its output in `log`.

    Args:
        megabytes: what a pip command downloads [MB]; progress then counts these instead of showing its output.

    Raises:
        SetupError: the command failed; the message has its likely cause, the end of its output and the log's path.
    """
    with log.open("ab") as output, tempfile.TemporaryDirectory(prefix="setup-") as temporary:
        begin = output.tell()
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, "TMPDIR": temporary},
        )
        try:
            while _still_running(process):
                line = _last_line(log)
                progress.alive(_downloaded(line, Path(temporary), megabytes) if megabytes else line)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        raise SetupError(_failure(command, process.returncode, log, begin))


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


def _downloaded(last_line: str, temporary: Path, megabytes: int) -> str:
    """What pip has downloaded of `megabytes`; it keeps the files in `temporary` until all of them are there."""
    if last_line.startswith("Installing collected"):
        return "installing"
    loaded = 0
    for folder, _, files in os.walk(temporary):  # unlike rglob, bears folders that pip removes meanwhile
        for file in files:
            with contextlib.suppress(OSError):  # just removed
                loaded += (Path(folder) / file).stat().st_size
    percent = min(100, round(100 * loaded / (megabytes * 1e6)))
    return f"{loaded / 1e6:.0f} of {megabytes} MB ({percent} %)"


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8000))  # pip names all that it installs in one line
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-1].strip() if lines else ""


def _failure(command: Sequence[str], code: int, log: Path, begin: int) -> str:
    text = log.read_bytes()[begin:].decode(errors="replace")
    tail = "\n".join(f"    {line}" for line in text.splitlines()[-12:])
    cause = explain_failure(text[-20_000:]) or "the end of its output:"
    return f"`{' '.join(command[:4])} ...` ended with code {code}: {cause}\n{tail}\nThe whole output: {log}"
