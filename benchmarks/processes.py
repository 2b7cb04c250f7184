"""Processes of a benchmark: environment, start and end, CPU time and memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from unity_depth_perception.ros.dds_profile import PROFILE_VARIABLE

HERE = Path(__file__).parent
ROOT = HERE.parent
PROFILE = ROOT / "config" / "fastdds_profile.xml"


def set_environment(profile: bool) -> None:
    """Set DDS to this machine only, a random domain, and the shipped profile or none; call before DDS is imported."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(random.randint(1, 101))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    if profile:
        os.environ[PROFILE_VARIABLE] = str(PROFILE)
    else:
        os.environ.pop(PROFILE_VARIABLE, None)


class StageProcesses:
    """Processes that run stages of stages.py; a context manager that kills them on exit."""

    def __init__(self, names: Sequence[str], scene: Path, *ros_arguments: str) -> None:
        tail = ["--ros-args", *ros_arguments] if ros_arguments else []
        self._logs = {name: scene.with_name(f"{name}.log") for name in names}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name, log in self._logs.items():
            command = [sys.executable, str(HERE / "stages.py"), name, str(scene), *tail]
            with log.open("wb") as out:
                self._running[name] = subprocess.Popen(command, stdout=out, stderr=out)

    def check(self) -> None:
        """End the benchmark with the log of a process, if one has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise SystemExit(f"{name} ended:\n{self._logs[name].read_text(errors='replace')}")

    def cpu_s(self) -> float:
        """User and system time of all processes [s]; unlike wall-clock time it is independent of other programs."""
        stats = [Path(f"/proc/{process.pid}/stat").read_text() for process in self._running.values()]
        fields = [stat.rpartition(")")[2].split() for stat in stats]
        return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory of all processes [MB]."""
        pages = [Path(f"/proc/{process.pid}/statm").read_text().split()[1] for process in self._running.values()]
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def __enter__(self) -> StageProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()
