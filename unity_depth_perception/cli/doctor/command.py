"""`unity-depth doctor`: checks of this machine, a dataset, a running ROS graph or what Unity sends."""

from __future__ import annotations

import importlib
import math
import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unity_depth_perception.cli.doctor import graph_checks, unity_checks
from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM, Finding
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.endpoint.server import EndpointSettings

_COLOURS = {OK: "green", NOTE: "yellow", PROBLEM: "red"}
_UNITY_WAIT_S = 60.0
_MESSAGES = ("sensor_msgs.msg", "geometry_msgs.msg", "vision_msgs.msg", "unity_depth_perception.msg")


def doctor(
    dataset: Annotated[
        Path | None, typer.Argument(help="Check this dataset folder or COCO .json instead of the machine.")
    ] = None,
    images_dir: Annotated[Path | None, typer.Option(help="Folder of a COCO .json's images, if another.")] = None,
    use_crowds: Annotated[
        bool, typer.Option("--use-crowds", help="COCO .json: crowds (iscrowd 1) are objects like others.")
    ] = False,
    graph: Annotated[bool, typer.Option(help="Check the running ROS graph too.")] = False,
    unity: Annotated[
        bool, typer.Option("--unity", help="Wait for Unity in place of the endpoint, and check what it sends.")
    ] = False,
    ip: Annotated[str, typer.Option(help="--unity: address to listen on; 0.0.0.0 for other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="--unity: as in Unity's ROS Settings.")] = 10000,
    seconds: Annotated[float, typer.Option(min=0.5, help="Time to observe the graph, or Unity.")] = 6.0,
) -> None:
    """Check this machine, a running ROS graph, what Unity sends, or a dataset; exit code 1 if there is a problem."""
    if dataset is not None:
        findings = check_dataset(dataset, images_dir, use_crowds)
    else:
        findings = [finding for check in CHECKS for finding in check()]
    if graph:
        findings += check_graph(seconds)
    if unity:
        findings += check_unity(ip, port, seconds)
    table = Table(box=None, pad_edge=False)
    for title in ("", "state", "detail"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        table.add_row(escape(finding.subject), f"[{_COLOURS[finding.state]}]{finding.state}", escape(finding.detail))
    Console().print(table)
    if any(finding.state == PROBLEM for finding in findings):
        raise typer.Exit(1)


def check_dataset(path: Path, images_dir: Path | None = None, use_crowds: bool = False) -> list[Finding]:
    """Check a dataset folder, a SOLO folder, or a COCO file and its images."""
    from unity_depth_perception.dataset.checks.findings import group
    from unity_depth_perception.dataset.sources import examine_source

    found = examine_source(path, images_dir, use_crowds)
    problems = [Finding(str(path), PROBLEM, text) for text in group(found.problems)]
    good = [Finding(str(path), OK, f"{found.images} images, {found.objects} objects")]
    return (problems or good) + [Finding(str(path), NOTE, text) for text in group(found.notes)]


def check_python() -> list[Finding]:
    """Report the version of Python; pip already refuses one that is too old."""
    return [Finding("Python", OK, f"{platform.python_version()} at {sys.prefix}")]


def check_torch() -> list[Finding]:
    """Check that torch imports, and report the device that `auto` selects."""
    try:
        import torch
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
        return [Finding("torch", PROBLEM, f"{error}; install torch and a torchvision that matches it")]
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    device = Finding("device", OK, f"cuda: {gpu}") if gpu else Finding("device", NOTE, "cpu: torch sees no CUDA GPU")
    return [Finding("torch", OK, f"{torch.__version__}, torchvision {torchvision.__version__}"), device]


def check_ros() -> list[Finding]:
    """Check rclpy and the messages; without rclpy everything but the nodes works."""
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
    """Check the weights that ship with the package."""
    # Resources of the subpackage, since the top package may span the sources and the generated messages.
    folder = resources.files("unity_depth_perception.models") / "weights"
    files = sorted(folder.iterdir(), key=lambda item: item.name) if folder.is_dir() else []
    weights = [item for item in files if item.name.endswith(".safetensors")]
    if not weights:
        return [Finding("embedded weights", PROBLEM, f"none in {folder}; install the package again")]
    return [Finding(item.name, OK, f"{len(item.read_bytes()) / 1e6:.1f} MB") for item in weights]


def check_dds() -> list[Finding]:
    """Check shared memory and the Fast DDS profile for large images; launch files set the profile themselves."""
    from unity_depth_perception.ros import dds_profile

    findings = [Finding("shared memory", NOTE, shortage)] if (shortage := dds_profile.shortage()) else []
    named = dds_profile.user_profile()
    if os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") != "rmw_fastrtps_cpp":
        finding = Finding("DDS", NOTE, f"{os.environ['RMW_IMPLEMENTATION']}: the profile is for Fast DDS alone")
    elif not named:
        export = f"{dds_profile.PROFILE_VARIABLE}=config/fastdds_profile.xml"
        detail = f"no Fast DDS profile: export {export} for nodes run by hand"
        finding = Finding("DDS", NOTE, detail)
    elif not Path(named).is_file():
        finding = Finding("DDS", PROBLEM, f"the profile {named} is not there, and large images take twice as long")
    else:
        finding = Finding("DDS", OK, named)
    return [*findings, finding]


def check_graph(seconds: float) -> list[Finding]:
    """Check the running graph: nodes, topics without publisher, QoS, images."""
    try:
        from unity_depth_perception.ros.graph_snapshot import take_snapshot
    except ImportError as error:
        return [Finding("graph", PROBLEM, f"{error}; it takes ROS 2 to look at one")]
    snapshot = take_snapshot(seconds)
    checks = (graph_checks.check_nodes, graph_checks.check_silent_topics, graph_checks.check_qos)
    return [f for check in checks for f in check(snapshot)] + graph_checks.check_images(snapshot, _detection_score)


def check_unity(ip: str, port: int, seconds: float, wait_s: float = _UNITY_WAIT_S) -> list[Finding]:
    """Listen in place of the endpoint; check connection, rate, stamps, pictures and intrinsics of what Unity sends."""
    try:
        from unity_depth_perception.ros.endpoint.observation import observe_clients
    except ImportError as error:
        return [Finding("Unity", PROBLEM, f"{error}; it takes ROS 2's messages to read what Unity sends")]
    Console(stderr=True).print(f"Waiting up to {wait_s:.0f} s for Unity at {ip}:{port}: press Play.")
    try:
        seen = observe_clients(EndpointSettings(host=ip, port=port), wait_s, seconds)
    except ConfigurationError as error:
        return [Finding("Unity", PROBLEM, f"{error}. To check beside a running endpoint: doctor --graph")]
    return [
        *unity_checks.check_connection(seen),
        *unity_checks.check_topics(seen),
        *unity_checks.check_cameras(seen, _detection_score),
    ]


def _detection_score(image: NDArray[np.uint8]) -> float:
    """Sum of the scores of the objects that the embedded segmentation finds in an image (H, W, 3) uint8."""
    import torch

    from unity_depth_perception.core.camera import Camera
    from unity_depth_perception.models.compact.segmentation import CompactSegmenter

    camera = Camera.from_vertical_fov(math.radians(60), image.shape[1], image.shape[0])
    return sum(CompactSegmenter(torch.device("cpu")).infer(torch.from_numpy(image.copy()), camera).scores)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # an apt installation has no wheel
        return "of the system"


CHECKS: tuple[Callable[[], list[Finding]], ...] = (check_python, check_torch, check_ros, check_dds, check_weights)
