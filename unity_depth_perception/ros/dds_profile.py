"""Shared memory that the shipped Fast DDS profile needs, and whether this machine has it.

Imports neither ROS nor torch: launch files, `unity-depth doctor` and the demo ask before they start a node.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
PROFILE_VARIABLES = (PROFILE_VARIABLE, "FASTDDS_DEFAULT_PROFILES_FILE")
SHARED_MEMORY = Path("/dev/shm")
REQUIRED_BYTES = 3 * 2**28  # one segment of config/fastdds_profile.xml (256 MiB) for each of three processes


def user_profile() -> str:
    """The profile that the environment names already, which goes before the shipped one; empty if there is none."""
    return next((os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)), "")


def free_shared_memory_bytes() -> int:
    """Free bytes of /dev/shm; 0 where there is none. Docker gives 64 MB unless `--shm-size` asks for more."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0


def has_room_for_profile() -> bool:
    """Whether three processes with the shipped profile fit into /dev/shm."""
    return free_shared_memory_bytes() >= REQUIRED_BYTES


def shortage() -> str:
    """How much room /dev/shm lacks for processes with a Fast DDS profile, and what to do; empty if it lacks none."""
    if has_room_for_profile():
        return ""
    return (
        f"{SHARED_MEMORY} has {free_shared_memory_bytes() >> 20} MiB free, and large images need "
        f"{REQUIRED_BYTES >> 20}; when it fills up, processes end by SIGBUS: give it more (docker run --shm-size=1g), "
        "remove what killed processes left (fastdds shm clean), or unset " + PROFILE_VARIABLE
    )
