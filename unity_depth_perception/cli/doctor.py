"""`unity-depth doctor`: what of this machine the package can use."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from importlib import metadata, resources
from typing import NamedTuple

import typer
from rich.console import Console
from rich.table import Table

OK, NOTE, PROBLEM = "ok", "note", "problem"
_COLOURS = {OK: "green", NOTE: "yellow", PROBLEM: "red"}
_MESSAGES = ("sensor_msgs.msg", "geometry_msgs.msg", "vision_msgs.msg", "unity_depth_perception.msg")


class Finding(NamedTuple):
    """One line of the doctor's table; a PROBLEM makes the command fail."""

    subject: str
    state: str
    detail: str


def doctor() -> None:
    """Check Python, torch, the device, ROS and the embedded weights; exit code 1 if something must be mended."""
    findings = [finding for check in CHECKS for finding in check()]
    table = Table(box=None, pad_edge=False)
    for title in ("", "state", "detail"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        table.add_row(finding.subject, f"[{_COLOURS[finding.state]}]{finding.state}", finding.detail)
    Console().print(table)
    if any(finding.state == PROBLEM for finding in findings):
        raise typer.Exit(1)


def check_python() -> list[Finding]:
    """Its version; pip already refuses one that is too old."""
    return [Finding("Python", OK, f"{platform.python_version()} at {sys.prefix}")]


def check_torch() -> list[Finding]:
    """torch imports; which device `auto` takes."""
    try:
        import torch
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
        return [Finding("torch", PROBLEM, f"{error}; install torch and a torchvision that matches it")]
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    device = Finding("device", OK, f"cuda: {gpu}") if gpu else Finding("device", NOTE, "cpu: torch sees no CUDA GPU")
    return [Finding("torch", OK, f"{torch.__version__}, torchvision {torchvision.__version__}"), device]


def check_ros() -> list[Finding]:
    """rclpy and the messages; without rclpy everything but the nodes works."""
    try:
        importlib.import_module("rclpy")
    except ImportError as error:
        return [Finding("ROS 2", NOTE, f"no rclpy ({error}): only the nodes need it")]
    findings = [Finding("ROS 2", OK, f"rclpy {_version('ros-rclpy')}")]
    for module in _MESSAGES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            findings.append(Finding(module, PROBLEM, f"{error}; build the messages with make setup or colcon build"))
        else:
            findings.append(Finding(module, OK, "importable"))
    return findings


def check_weights() -> list[Finding]:
    """The weights that ship with the package."""
    # Of the subpackage: the package itself may be spread over the sources and the generated messages.
    folder = resources.files("unity_depth_perception.models") / "weights"
    files = sorted(folder.iterdir(), key=lambda item: item.name) if folder.is_dir() else []
    weights = [item for item in files if item.name.endswith(".safetensors")]
    if not weights:
        return [Finding("embedded weights", PROBLEM, f"none in {folder}; install the package again")]
    return [Finding(item.name, OK, f"{len(item.read_bytes()) / 1e6:.1f} MB") for item in weights]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # an apt installation has no wheel
        return "of the system"


CHECKS: tuple[Callable[[], list[Finding]], ...] = (check_python, check_torch, check_ros, check_weights)
