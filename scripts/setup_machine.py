"""Requirements of `make setup` on the machine, with advice where one is missing. Standard library of Python 3.8."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SUPPORTED_PYTHONS = ((3, 12), (3, 11))
NEEDED_DISK_GB = 12  # 8.2 stay; pip's temporary files may be on the same disk
NEEDED_TEMPORARY_GB = 3.5
APT_LINE = "sudo apt-get install build-essential python3-dev python3-venv"

_PROBE = """
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "executable": sys.executable,
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "header": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""


class SetupError(Exception):
    """An error that setup cannot fix; the message says what was expected, what was found and what to do."""


def describe_python(command: str) -> dict[str, Any] | None:
    """Run a Python to get its version, path, venv module and header; None if it does not start."""
    try:
        answer = subprocess.run([command, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True)
        python: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return python


def choose_python(requested: str | None, outside: Path | None = None) -> dict[str, Any]:
    """Choose the Python of the environment: `requested`, else the first supported one on this machine.

    Args:
        outside: an environment whose own Python does not count, as it may have to be removed.

    Raises:
        SetupError: the requested one does not start or is not supported, or the machine has no supported one.
    """
    supported = " or ".join(f"{major}.{minor}" for major, minor in reversed(SUPPORTED_PYTHONS))
    if requested:
        python = describe_python(requested)
        if python is None:
            raise SetupError(f"PYTHON={requested} does not start; expected the path of a Python {supported}")
        if tuple(python["version"]) not in SUPPORTED_PYTHONS:
            raise SetupError(f"PYTHON={requested} is Python {_dotted(python)}; expected Python {supported}")
        return python
    candidates = [sys.executable, "python3", *(f"python{major}.{minor}" for major, minor in SUPPORTED_PYTHONS)]
    found = [python for python in map(describe_python, candidates) if python and not _is_inside(python, outside)]
    for python in found:
        if tuple(python["version"]) in SUPPORTED_PYTHONS:
            return python
    versions = ", ".join(sorted({_dotted(python) for python in found})) or "none"
    raise SetupError(
        f"expected Python {supported} (ROS 2 Jazzy has wheels for these), found {versions}; "
        "install one, or name it: make setup PYTHON=/path/to/python3.12"
    )


def python_for(venv: Path, requested: str | None) -> dict[str, Any]:
    """Python of the environment: the requested one, else its present one, else the first supported on this machine."""
    place = venv / "setup" / "place"
    is_in_place = place.is_file() and place.read_text() == str(venv)
    if not requested and is_in_place and (venv / "setup" / "venv.done").is_file():
        python = describe_python(str(venv / "bin" / "python"))
        if python:
            return python
    return choose_python(requested, outside=venv)


def _is_inside(python: dict[str, Any], folder: Path | None) -> bool:
    return folder is not None and folder in Path(python["executable"]).parents


def check_place(place: Path) -> None:
    """Check the place of the checkout or of the environment before anything is written.

    Raises:
        SetupError: the generator of the messages drops the letters of the path, or nothing can be written here.
    """
    if not re.fullmatch(r"[A-Za-z0-9_./+@%,=-]+", str(place)):
        raise SetupError(
            f"the path {place} has spaces or letters outside ASCII, with which the message generator of ROS 2 (rosidl) "
            "and scripts of Python environments do not work; move it to a path of plain letters, such as "
            "~/unity_depth_perception"
        )
    folder = next(parent for parent in (place, *place.parents) if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SetupError(
            f"cannot write to {folder}: it is read-only or another user's; copy the checkout to a folder of yours"
        )


def check_temporary(needed_gb: float = NEEDED_TEMPORARY_GB) -> None:
    """Raise SetupError where the folder for temporary files, into which pip unpacks, is too small."""
    folder = Path(tempfile.gettempdir())
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"expected {needed_gb:g} GB free in the folder for temporary files {folder}, got {free_gb:.1f} GB; name a "
            "larger one: TMPDIR=/path make setup"
        )


def check_machine(python: dict[str, Any], venv: Path) -> None:
    """Check the requirements of setup before the first download.

    Raises:
        SetupError: says which of platform, venv module, compiler, headers or disk is missing.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SetupError(
            f"expected Linux on x86-64, as the ROS 2 wheels are, got {sys.platform} on {platform.machine()}; "
            "here, build the package with colcon in a ROS 2 Jazzy installation"
        )
    if not python["venv"]:
        raise SetupError(f"{python['executable']} cannot make virtual environments; {APT_LINE}")
    missing = [tool for tool in ("gcc", "g++", "make") if not shutil.which(tool)]
    if missing:
        raise SetupError(f"messages are compiled, and this machine lacks {', '.join(missing)}; {APT_LINE}")
    if not python["header"]:
        raise SetupError(f"messages are compiled, and {python['executable']} has no Python.h; {APT_LINE}")
    check_disk(next(parent for parent in venv.parents if parent.exists()))
    check_temporary()


def check_disk(folder: Path, needed_gb: float = NEEDED_DISK_GB) -> None:
    """Raise SetupError where the file system of `folder` has less than `needed_gb` free."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(f"expected {needed_gb:g} GB of free disk for {folder}, got {free_gb:.1f} GB; free some space")


def clean_environment(venv: Path) -> dict[str, str]:
    """Environment variables of setup's commands: `venv` first on the path, without a sourced ROS installation.

    A ROS installation adds its Python packages and libraries by PYTHONPATH, LD_LIBRARY_PATH and the prefix paths; the
    messages would be built against a mixture of both.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH", "PYTHONPATH", "PYTHONHOME")
        and not (name == "LD_LIBRARY_PATH" and "ROS_DISTRO" in os.environ)
    }
    # The ROS wheels set this once they have set the library path; it is wrong in a child of another environment.
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment["PATH"] = os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)])
    return environment


def remove_half_installed(site_packages: Path) -> None:
    """Remove packages that pip was installing when it was killed, so that it installs them again.

    pip treats a package as installed as soon as its metadata exists, though files may be missing. Its last step lists
    the INSTALLER file in RECORD. Packages being replaced are left under names that start with `~`.
    """
    for leftover in site_packages.glob("~*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for metadata in site_packages.glob("*.dist-info"):
        record = metadata / "RECORD"
        if not record.is_file() or f"{metadata.name}/INSTALLER" not in record.read_text(encoding="utf-8"):
            shutil.rmtree(metadata)


def explain_failure(log_tail: str) -> str:
    """Likely cause of a failure, from the end of the command's output; empty if unknown."""
    for marks, meaning in _KNOWN_FAILURES:
        if any(mark in log_tail for mark in marks):
            return meaning
    return ""


_KNOWN_FAILURES = (
    (
        ("No space left on device", "Disk quota exceeded"),
        "the disk is full: free some space and run `make setup` again",
    ),
    (
        (
            "NewConnectionError",
            "NameResolutionError",
            "Temporary failure in name resolution",
            "Read timed out",
            "ProxyError",
        ),
        "the Python package index was not reached: check the network (or pip's proxy and index settings) and run "
        "`make setup` again",
    ),
    (
        ("No matching distribution found", "Could not find a version"),
        "the package index has no fitting build of a package: this needs PyPI (or a full mirror) and an x86-64 glibc "
        "Linux of 2019 or later",
    ),
    (("fatal error: Python.h",), f"Python's headers are missing; {APT_LINE}"),
)


def _dotted(python: dict[str, Any]) -> str:
    return ".".join(str(part) for part in python["version"])
