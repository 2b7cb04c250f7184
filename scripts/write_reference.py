#!/usr/bin/env python3
"""Write docs/reference from the code: parameters, topics, command line, messages. A test compares the pages.

Needs the environment of `make setup`: `.venv/bin/python scripts/write_reference.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import typer

from unity_depth_perception import nodes
from unity_depth_perception.cli.main import app
from unity_depth_perception.ros.parameters.command_line import yaml_of
from unity_depth_perception.ros.parameters.spec import ParameterSpec
from unity_depth_perception.ros.topics.outputs import CONTENTS
from unity_depth_perception.ros.topics.reconstruction_outputs import CONTENTS as RECONSTRUCTION

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by scripts/write_reference.py from the code; edit there. -->\n\n"
_KINDS = {bool: "bool", int: "int", float: "float", str: "string", tuple: "list"}

_IMAGE = ("sensor_msgs/Image", "rgb, bgr, rgba, bgra, mono, bayer of 8 or 16 bits, yuv422")
_INFO = ("sensor_msgs/CameraInfo", "intrinsics of the image, or of one with its proportions; paired by stamp")
INPUTS = {
    "image_raw": _IMAGE,
    "image_raw/compressed": ("sensor_msgs/CompressedImage", "instead of image_raw, with `image_transport: compressed`"),
    "camera_info": _INFO,
    "camera_pose": (
        "geometry_msgs/PoseStamped",
        "optional: pose of the optical frame in a world with z up; tells where down is",
    ),
}
# Topics beside those of `CONTENTS` in `ros/topics/outputs.py`, by node: type and content.
SUBSCRIBED: dict[str, dict[str, tuple[str, str]]] = {
    "perception_node": INPUTS,
    "depth_node": {name: INPUTS[name] for name in ("image_raw", "image_raw/compressed", "camera_info")},
    "segmentation_node": {name: INPUTS[name] for name in ("image_raw", "image_raw/compressed", "camera_info")},
    "distance_node": {
        "depth/image_rect": ("sensor_msgs/Image", "planar depth: 32FC1 metres or 16UC1 millimetres"),
        "depth/camera_info": ("sensor_msgs/CameraInfo", "its intrinsics"),
        "objects/instances": ("sensor_msgs/Image", "instance image: 8UC1, 16UC1 or 32SC1, 0 background"),
        "objects/detections_2d": (
            "vision_msgs/Detection2DArray",
            "categories: detection k is value k of the instances",
        ),
        "objects/label_info": ("vision_msgs/LabelInfo", "names of the detections' class ids"),
        "objects/instance_labels": (
            "vision_msgs/LabelInfo",
            "instead of detections: a simulator's table of instance values; stamp 0 holds for every frame",
        ),
        "camera_pose": INPUTS["camera_pose"],
    },
}
PUBLISHED: dict[str, dict[str, tuple[str, str]]] = {
    "virtual_unity_node": {
        "image_raw": ("sensor_msgs/Image", "the camera's picture, in the encoding that is asked for"),
        "image_raw/compressed": ("sensor_msgs/CompressedImage", "JPEG, with `image_transport: compressed`"),
        "camera_info": ("sensor_msgs/CameraInfo", "intrinsics, unless `camera_info: false`"),
        "camera_pose": ("geometry_msgs/PoseStamped", "pose of the optical frame, if the source knows it"),
        "ground_truth/objects": ("unity_depth_perception/ObjectDistanceArray", "true objects and distances"),
        "ground_truth/depth": ("sensor_msgs/Image", "true planar depth, 32FC1 metres"),
        "ground_truth/instances": ("sensor_msgs/Image", "true instance image, 16UC1"),
    },
}
OF_EVERY_NODE = {
    "/diagnostics": (
        "diagnostic_msgs/DiagnosticArray",
        "rates, latency of each stage, frames dropped or refused and why, device, memory",
    ),
}
TF = ("tf2_msgs/TFMessage", "world -> body -> optical frame from `camera_pose`, unless the frame has a parent in tf")


class NodeTable(NamedTuple):
    """A node: what it does in a sentence, and its parameters."""

    what: str
    parameters: tuple[ParameterSpec, ...]


class _TableFoundError(Exception):
    pass


def node_tables() -> dict[str, NodeTable]:
    """What `--help` of each executable in `nodes/` shows, by its name."""
    found: dict[str, NodeTable] = {}

    def take(name: str, what: str, parameters: Iterable[ParameterSpec], _: object) -> NoReturn:
        found[name] = NodeTable(what.partition(": ")[2].strip(), tuple(parameters))
        raise _TableFoundError

    for module_info in pkgutil.iter_modules(nodes.__path__):
        module: Any = importlib.import_module(f"{nodes.__name__}.{module_info.name}")
        if not hasattr(module, "main"):
            continue
        original, module.check_arguments = module.check_arguments, take
        try:
            module.main([])
        except _TableFoundError:
            pass
        finally:
            module.check_arguments = original
    return dict(sorted(found.items(), key=lambda item: (item[0] != "perception_node", item[0])))


def parameters_page() -> str:
    """Markdown of all nodes' parameters; what a node shares with perception_node is named in one line."""
    tables = node_tables()
    shared = set(map(str, tables["perception_node"].parameters))
    lines = [
        "# Parameters\n",
        "Set with `--ros-args -p NAME:=VALUE` or a parameter file (`params_file:=` of the launch files;",
        "`config/perception.yaml` is the shipped one). Unknown names and values out of range are refused. *Run time*",
        "marks those that may change while the node runs; the others are read when it is configured. Some are",
        "launch arguments too: `ros2 launch unity_depth_perception unity.launch.py --show-args`.\n",
    ]
    for name, node in tables.items():
        own = [p for p in node.parameters if name == "perception_node" or str(p) not in shared]
        same = [f"`{p.name}`" for p in node.parameters if p not in own]
        lines += [f"## {name}\n", _sentence(node.what)]
        lines += [f"As in perception_node: {', '.join(same)}.\n"] if same else []
        rows = ((f"`{p.name}`", _KINDS[p.type], f"`{yaml_of(p.default)}`", _meaning(p)) for p in own)
        lines += _table(("Parameter", "Type", "Default", "Meaning"), rows) if own else []
    return _NOTE + "\n".join(lines)


def _meaning(row: ParameterSpec) -> str:
    limits = f"; {row.allowed}" if row.choices or row.minimum is not None else ""
    return row.description + limits + ("" if row.read_only else " (*run time*)")


def topics_page() -> str:
    """Markdown of all nodes' topics."""
    names = {name: [p.default for p in node.parameters if p.name == "outputs"] for name, node in node_tables().items()}
    lines = [
        "# Topics\n",
        "Names are relative: the launch files put the camera at `/unity/camera` and the node at `/unity/perception`.",
        "Outputs are reliable, and one that nobody subscribes to is not computed. Every node publishes `/diagnostics`:",
        f"{OF_EVERY_NODE['/diagnostics'][1]}.\n",
    ]
    for name in names:
        inputs, outputs = dict(SUBSCRIBED.get(name, {})), dict(PUBLISHED.get(name, {}))
        own = [*names[name][0]] if names[name] else []
        own += RECONSTRUCTION if name == "perception_node" else []
        for topic in own:
            message_type, content = (CONTENTS | RECONSTRUCTION)[topic]
            outputs[topic] = (f"{message_type.__module__.split('.')[0]}/{message_type.__name__}", content)
        if "camera_pose" in inputs:
            outputs |= {"/tf": TF, "/tf_static": TF}
        if inputs or outputs:
            rows = [("in", f"`{t}`", k, c) for t, (k, c) in inputs.items()]
            rows += [("out", f"`{t}`", k, c) for t, (k, c) in outputs.items()]
            lines += [f"## {name}\n", *_table(("", "Topic", "Type", "Content"), rows)]
    lines += [
        "Nodes that process frames have a service `~/enable` (std_srvs/SetBool), which stops and starts them.",
        "perception_node has a service `~/reconstruct` (std_srvs/Trigger): one scene of its last keyframes",
        "([reconstruction](../reconstruction.md)).\n",
    ]
    return _NOTE + "\n".join(lines)


def messages_page() -> str:
    """Markdown of the package's message files."""
    lines = ["# Messages\n", "In `unity_depth_perception/msg`. Units are metres and pixels.\n"]
    for path in sorted((ROOT / "msg").glob("*.msg")):
        lines += [f"## {path.stem}\n", "```text", path.read_text(encoding="utf-8").rstrip(), "```\n"]
    return _NOTE + "\n".join(lines)


def command_line_page() -> str:
    """Markdown of every command of `unity-depth`, its arguments and options."""
    lines = [
        "# Command line\n",
        "`unity-depth COMMAND --help` prints the same. Exit codes: 0 done, 1 a check failed, 2 an error that is said",
        "in one sentence, 130 interrupted.\n",
    ]
    for name, command in commands_of(typer.main.get_command(app), "unity-depth"):
        lines += [f"## {name}\n", _prose(command.help or "")]
        arguments = " ".join(_argument(p) for p in command.params if p.param_type_name == "argument")
        lines += [f"```text\n{name} [OPTIONS] {arguments}".rstrip() + "\n```\n"]
        rows = [(_spelling(p), _default(p), p.help or "") for p in options_of(command)]
        lines += _table(("Option", "Default", "Meaning"), rows) if rows else []
    return _NOTE + "\n".join(lines)


def _argument(argument: Any) -> str:
    name = argument.metavar or (argument.name or "").upper()
    many = f"{name}..." if argument.nargs != 1 and not name.endswith("...") else name
    return many if argument.required else f"[{many}]"


def options_of(command: Any) -> list[Any]:
    """Arguments and options that `--help` shows, without `--help` itself."""
    return [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]


def commands_of(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _spelling(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{_argument(option)}`"
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    value = option.default() if callable(option.default) else option.default
    if option.required:
        return "required"
    if value in (None, False, (), [], ""):
        return ""
    return f"`{','.join(map(str, value)) if isinstance(value, list | tuple) else getattr(value, 'value', value)}`"


def _prose(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}.\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table."""
    cells = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(' '.join(c.split()).replace('|', chr(92) + '|') for c in row)} |" for row in cells] + [""]


def pages() -> dict[str, str]:
    """Every generated page, by file name in docs/reference."""
    return {
        "parameters.md": parameters_page(),
        "topics.md": topics_page(),
        "messages.md": messages_page(),
        "command_line.md": command_line_page(),
    }


if __name__ == "__main__":
    for file_name, text in pages().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
