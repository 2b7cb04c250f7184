"""Command `python -m unity_depth_perception.demo --output demo`, which `make demo` runs."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import itertools
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import IO

from rich.console import Console

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.demo.node_setup import DemoOptions, start_nodes
from unity_depth_perception.demo.processes import NodeProcesses

_LAST_DOMAIN = 101  # higher domains use ports of Linux' ephemeral range


def main() -> int:
    """Run the demo; 0 if everything worked, 1 if something failed, 130 if it was interrupted."""
    started_s = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    console = Console()
    try:
        options = DemoOptions(**vars(_parse()))
        with _claimed_folder(options.output) as folder, _claimed_domain() as domain:
            options = replace(options, output=folder)
            _set_environment(console, domain)
            _run(options, console, started_s)
    except _Interrupted:
        console.print("interrupted")
        return 130
    except (PerceptionError, OSError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    return 0


def _run(options: DemoOptions, console: Console, started_s: float) -> None:
    with NodeProcesses(options.output) as processes:
        start_nodes(processes, options)
        # Imported late: DDS reads its environment on import, and the nodes are starting meanwhile.
        from unity_depth_perception.demo.session import Session

        Session(options, processes, console, started_s).run()


@contextlib.contextmanager
def _claimed_folder(wanted: Path) -> Iterator[Path]:
    """The folder for the results; beside a demo that is running in it, the same with a number."""
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".running").open("w") as lock:
            if _locked(lock):
                yield folder
                return


@contextlib.contextmanager
def _claimed_domain() -> Iterator[int]:
    """A ROS domain that no other demo on this machine is using; the environment's, if it names one that is free."""
    drawn = [random.randint(1, _LAST_DOMAIN) for _ in range(_LAST_DOMAIN)]
    given = os.environ.get("ROS_DOMAIN_ID", "")
    for domain in [*([int(given)] if given.isdecimal() else []), *drawn]:
        path = Path(tempfile.gettempdir()) / f"unity_depth_demo_{os.getuid()}_domain_{domain}"
        with path.open("w") as lock:
            if _locked(lock):
                yield domain
                return
    raise PerceptionError("all ROS domains are in use by other demos; end one")


def _locked(file: IO[str]) -> bool:
    """Whether the file could be locked for as long as it is open."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="virtual Unity -> DDS -> perception node -> results beside the truth")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for results, pictures and logs")
    parser.add_argument("--frames", type=int, default=30, help="processed frames to follow")
    parser.add_argument("--width", type=int, default=1024, help="image width [px]")
    parser.add_argument("--height", type=int, default=1024, help="image height [px]")
    parser.add_argument("--rate-hz", type=float, default=4.0, help="frames per second that virtual Unity sends")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first scene")
    parser.add_argument("--source", choices=["synthetic", "tour"], default="synthetic", help="what virtual Unity shows")
    parser.add_argument("--depth-model", default="compact", help="depth back end by name or path")
    parser.add_argument("--segmentation-model", default="compact", help="segmentation by name or path")
    return parser.parse_args()


def _set_environment(console: Console, domain: int) -> None:
    """Set DDS to this machine only, a domain, and the shared-memory profile if /dev/shm has room for it."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    from unity_depth_perception.ros import dds_profile
    from unity_depth_perception.ros.resources import share_file

    if dds_profile.has_room_for_profile():
        os.environ.setdefault(dds_profile.PROFILE_VARIABLE, str(share_file("config/fastdds_profile.xml")))
    else:
        console.print(f"{dds_profile.SHARED_MEMORY} is too small for the DDS profile: large messages take longer")


class _Interrupted(BaseException):
    """Raised by Ctrl-C and SIGTERM.

    Not KeyboardInterrupt: if that leaves an `exec` (which the import of a dataclass calls), Python ends by SIGINT at
    exit, even if the exception was caught.
    """


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


if __name__ == "__main__":
    raise SystemExit(main())
