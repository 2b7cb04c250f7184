"""Nodes that run in the foreground until one of them ends or Ctrl-C ends all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from unity_depth_perception.ros.dds_profile import PROFILE_VARIABLE, has_room_for_profile, user_profile
from unity_depth_perception.ros.resources import share_file

_STOP_TIMEOUT_S = 5.0


def run_nodes(nodes: Mapping[str, Sequence[str]]) -> int:
    """Run nodes (module to ROS arguments) on this machine alone; 0 after Ctrl-C, else the first exit code."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if has_room_for_profile() and not user_profile():
        os.environ[PROFILE_VARIABLE] = str(share_file("config/fastdds_profile.xml"))
    signal.signal(signal.SIGTERM, _interrupt)
    running = [_start(node, arguments) for node, arguments in nodes.items()]
    try:
        return _first_to_end(running)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(running)


def _start(node: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"unity_depth_perception.nodes.{node}", "--ros-args", *arguments]
    return subprocess.Popen(command, start_new_session=True)  # Ctrl-C reaches this process alone, which ends both


def _first_to_end(running: list[subprocess.Popen[bytes]]) -> int:
    while True:
        for process in running:
            try:
                return process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue


def _stop(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
