"""Command `python -m unity_depth_perception.demo.unity`, which `make unity` runs: endpoint for Unity and perception.

No ROS installation is needed. Unity connects to the printed address with ROS-TCP-Connector.
"""

from __future__ import annotations

import argparse

from unity_depth_perception.demo.foreground import run_nodes
from unity_depth_perception.ros.launch_arguments import camera_list

_INPUTS = ("image_raw", "image_raw/compressed", "camera_info", "camera_pose")


def main() -> int:
    """Run both nodes until one ends or Ctrl-C; 0 after Ctrl-C, else the exit code of the node that ended."""
    options = _parse()
    (camera,) = camera_list(options.camera)
    endpoint = ["-p", f"ROS_IP:={options.ip}", "-p", f"ROS_TCP_PORT:={options.port}"]
    perception = ["-r", "__ns:=/unity/perception", "-p", f"depth_model:={options.depth_model}"]
    perception += ["-p", f"segmentation_model:={options.segmentation_model}"]
    perception += [word for name in _INPUTS for word in ("-r", f"{name}:={camera}/{name}")]
    if options.vertical_fov_deg:
        perception += ["-p", f"vertical_fov_deg:={options.vertical_fov_deg}"]
    return run_nodes({"unity_endpoint": endpoint, "perception_node": perception})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Unity's endpoint and perception, without a ROS installation")
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=10000, help="port, the same as in Unity's ROS Settings")
    parser.add_argument("--camera", default="/unity/camera", help="namespace of the camera's topics in Unity")
    parser.add_argument("--vertical-fov-deg", type=float, help="Camera.fieldOfView, where Unity sends no camera_info")
    parser.add_argument("--depth-model", default="compact", help="depth model by name or path")
    parser.add_argument("--segmentation-model", default="compact", help="segmentation model by name or path")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
