"""Names, parameters and start of the demo's two nodes. Imports no slow module, so that they start at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.demo.processes import NodeProcesses

CAMERA_NAMESPACE = "/unity/camera"
PERCEPTION_NAMESPACE = "/unity/perception"
CAMERA_NODE = f"{CAMERA_NAMESPACE}/virtual_unity_node"
PERCEPTION_NODE = f"{PERCEPTION_NAMESPACE}/perception_node"
PROCESSES = ("perception_node", "virtual_unity_node")

_INPUTS = ("image_raw", "camera_info", "camera_pose")


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demo's command line."""

    output: Path
    frames: int
    width: int
    height: int
    rate_hz: float
    seed: int
    source: str
    depth_model: str
    segmentation_model: str


def start_nodes(processes: NodeProcesses, options: DemoOptions) -> None:
    """Start both nodes; virtual Unity stays unconfigured until the demo is ready to count every frame that it sends."""
    perception = {"depth_model": options.depth_model, "segmentation_model": options.segmentation_model}
    camera = {
        "autostart": "false",
        "width": options.width,
        "height": options.height,
        "rate_hz": float(options.rate_hz),
        "seed": options.seed,
        "source": options.source,
    }
    inputs = [f"{name}:={CAMERA_NAMESPACE}/{name}" for name in _INPUTS]
    for name, arguments in zip(
        PROCESSES,
        (_arguments(PERCEPTION_NAMESPACE, perception, inputs), _arguments(CAMERA_NAMESPACE, camera, [])),
        strict=True,
    ):
        processes.start(name, f"unity_depth_perception.nodes.{name}", arguments)


def _arguments(namespace: str, parameters: Mapping[str, object], remappings: list[str]) -> list[str]:
    rules = [f"__ns:={namespace}", *remappings]
    values = [f"{name}:={value}" for name, value in parameters.items()]
    return [word for rule in rules for word in ("-r", rule)] + [word for value in values for word in ("-p", value)]
