"""Command `python -m unity_depth_perception.demo.unity`, which `make unity` runs: endpoint for Unity and perception.

No ROS installation is needed. Unity connects to the printed address with ROS-TCP-Connector.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from types import FrameType

from unity_depth_perception.ros.dds_profile import PROFILE_VARIABLE, has_room_for_profile, user_profile
from unity_depth_perception.ros.launch_arguments import camera_list
from unity_depth_perception.ros.resources import share_file

_INPUTS = ("image_raw", "image_raw/compressed", "camera_info", "camera_pose")
_STOP_TIMEOUT_S = 5.0


def main() -> int:
    """Run both nodes until one ends or Ctrl-C; 0 after Ctrl-C, else the exit code of the node that ended."""
    options = _parse()
    (camera,) = camera_list(options.camera)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if has_room_for_profile() and not user_profile():
        os.environ[PROFILE_VARIABLE] = str(share_file("config/fastdds_profile.xml"))
    endpoint = ["-p", f"ROS_IP:={options.ip}", "-p", f"ROS_TCP_PORT:={options.port}"]
    perception = ["-r", "__ns:=/unity/perception", "-p", f"depth_model:={options.depth_model}"]
    perception += ["-p", f"segmentation_model:={options.segmentation_model}"]
    perception += [word for name in _INPUTS for word in ("-r", f"{name}:={camera}/{name}")]
    if options.vertical_fov_deg:
        perception += ["-p", f"vertical_fov_deg:={options.vertical_fov_deg}"]
    signal.signal(signal.SIGTERM, _interrupt)
    running = [_start("unity_endpoint", endpoint), _start("perception_node", perception)]
    try:
        return _first_to_end(running)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(running)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Unity's endpoint and perception, without a ROS installation")
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=10000, help="port, the same as in Unity's ROS Settings")
    parser.add_argument("--camera", default="/unity/camera", help="namespace of the camera's topics in Unity")
    parser.add_argument("--vertical-fov-deg", type=float, help="Camera.fieldOfView, where Unity sends no camera_info")
    parser.add_argument("--depth-model", default="compact", help="depth model by name or path")
    parser.add_argument("--segmentation-model", default="compact", help="segmentation model by name or path")
    return parser.parse_args()


def _start(node: str, arguments: list[str]) -> subprocess.Popen[bytes]:
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


if __name__ == "__main__":
    raise SystemExit(main())
