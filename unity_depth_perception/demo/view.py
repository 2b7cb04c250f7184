"""Command `python -m unity_depth_perception.demo.view`, which `make view` runs: a tour of a room in a live view."""

from __future__ import annotations

import argparse

from unity_depth_perception.demo.foreground import run_nodes
from unity_depth_perception.demo.node_setup import CAMERA_NAMESPACE, PERCEPTION_NAMESPACE

_INPUTS = ("image_raw", "camera_info", "camera_pose")


def main() -> int:
    """Run virtual Unity, perception and the view until Ctrl-C; 0 after it, else the exit code of the first to end."""
    options = _parse()
    inputs = [word for name in _INPUTS for word in ("-r", f"{name}:={CAMERA_NAMESPACE}/{name}")]
    results = ["-r", f"__ns:={PERCEPTION_NAMESPACE}", *inputs]
    camera = {name: getattr(options, name) for name in ("source", "width", "height", "rate_hz", "seed")}
    models = {"depth_model": options.depth_model, "segmentation_model": options.segmentation_model}
    view = {"foxglove_port": options.foxglove_port, "page_port": options.page_port}
    view |= {"record": options.record} if options.record else {}
    return run_nodes(
        {
            "view_node": [*results, *_parameters(view)],
            "perception_node": [*results, *_parameters(models)],
            "virtual_unity_node": ["-r", f"__ns:={CAMERA_NAMESPACE}", *_parameters(camera)],
        }
    )


def _parameters(values: dict[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="virtual Unity -> perception -> live view in a browser or Foxglove")
    parser.add_argument(
        "--source", choices=["tour", "synthetic"], default="tour", help="a tour of one room, or new scenes"
    )
    parser.add_argument("--width", type=int, default=1024, help="image width [px]")
    parser.add_argument("--height", type=int, default=1024, help="image height [px]")
    parser.add_argument("--rate-hz", type=float, default=2.0, help="frames per second that virtual Unity sends")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first scene")
    parser.add_argument("--depth-model", default="compact", help="depth model by name or path")
    parser.add_argument("--segmentation-model", default="compact", help="segmentation model by name or path")
    parser.add_argument("--page-port", type=int, default=8766, help="port of the page")
    parser.add_argument("--foxglove-port", type=int, default=8765, help="port of Foxglove's websocket")
    parser.add_argument("--record", default="", help="new .mcap file for all that Foxglove can see")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
