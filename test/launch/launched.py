"""A launch file run by the real launch packages in a process of its own, whose output the test reads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch"
DEADLINE_S = 180.0

_RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

arguments = [argument.split(":=") for argument in sys.argv[2:]]
service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)])
)
sys.exit(service.run())
"""


class Launched:
    """A running launch file; call `end` in any case.

    Not launch_pytest: its plugin of ROS 2 Jazzy does not load in the pytest that this project pins.
    """

    def __init__(self, name: str, *arguments: str, folder: Path, domain_id: int, path: str = "") -> None:
        """`path` is put before PATH."""
        self._log = folder / "launch.log"
        environment = os.environ | {
            "ROS_DOMAIN_ID": str(domain_id),
            "ROS_LOG_DIR": str(folder),
            "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join(filter(None, [path, os.environ["PATH"]])),
        }
        command = [sys.executable, "-c", _RUN, str(LAUNCH / name), *arguments]
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)

    @property
    def text(self) -> str:
        """The output so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """Wait until the output has `count` matches of the pattern; return them."""
        end = time.monotonic() + DEADLINE_S
        while len(found := re.findall(pattern, self.text)) < count:
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"waited in vain for {count} x {pattern!r}:\n{self.text}")
            time.sleep(0.1)
        return found

    def wait_for_end(self) -> str:
        """Wait until the launch ends by itself, and return its output."""
        self._process.wait(timeout=DEADLINE_S)
        return self.text

    def interrupt(self) -> str:
        """Send Ctrl-C, wait for all processes to end, and return their output."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(timeout=DEADLINE_S)
        return self.text

    def end(self) -> None:
        """Kill what is left of the process group."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()
