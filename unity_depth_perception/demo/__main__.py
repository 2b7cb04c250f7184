"""Command `python -m unity_depth_perception.demo --output demo`, which `make demo` runs."""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from pathlib import Path
from types import FrameType

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
        _set_environment(console)
        options.output.mkdir(parents=True, exist_ok=True)
        with NodeProcesses(options.output) as processes:
            start_nodes(processes, options)
            # Imported late: DDS reads its environment on import, and the nodes are starting meanwhile.
            from unity_depth_perception.demo.session import Session

            Session(options, processes, console, started_s).run()
    except _Interrupted:
        console.print("interrupted")
        return 130
    except (PerceptionError, OSError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="virtual Unity -> DDS -> perception node -> results beside the truth")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for results, pictures and logs")
    parser.add_argument("--frames", type=int, default=30, help="processed frames to follow")
    parser.add_argument("--width", type=int, default=1024, help="image width [px]")
    parser.add_argument("--height", type=int, default=1024, help="image height [px]")
    parser.add_argument("--rate-hz", type=float, default=4.0, help="frames per second that virtual Unity sends")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first scene")
    parser.add_argument("--depth-model", default="compact", help="depth back end by name or path")
    parser.add_argument("--segmentation-model", default="compact", help="segmentation by name or path")
    return parser.parse_args()


def _set_environment(console: Console) -> None:
    """Set DDS to this machine only, a random domain, and the shared-memory profile if /dev/shm has room for it."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, _LAST_DOMAIN)))
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
