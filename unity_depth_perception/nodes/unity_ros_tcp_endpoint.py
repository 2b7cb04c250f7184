"""unity_ros_tcp_endpoint: Unity's own ROS-TCP-Endpoint; needs the package ros_tcp_endpoint in the workspace."""

from __future__ import annotations

import os
import signal
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger

from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.spec import ParameterSpec

# The parameters that the endpoint itself declares.
_PARAMETERS = (
    ParameterSpec("ROS_IP", str, "0.0.0.0", "address to listen on; 127.0.0.1: for this machine", None, None, (), True),
    ParameterSpec("ROS_TCP_PORT", int, 10000, "port, the same as in Unity's ROS Settings", None, None, (), True),
)
_MISSING = (
    "needs ros_tcp_endpoint; in the workspace: "
    "git clone -b main-ros2 https://github.com/Unity-Technologies/ROS-TCP-Endpoint src/ros_tcp_endpoint"
)


def main(args: list[str] | None = None) -> None:
    """Listen for Unity until Ctrl-C or SIGTERM, then end the process, or answer `--help`."""
    check_arguments("unity_ros_tcp_endpoint", __doc__, _PARAMETERS, args)
    try:
        from unity_depth_perception.ros.unity_tcp_endpoint import UnityTcpServer
    except ImportError as error:
        get_logger("unity_ros_tcp_endpoint").fatal(f"{error}: {_MISSING}")
        sys.exit(2)

    try:
        rclpy.init(args=args)
        server = UnityTcpServer()
        server.start()
        server.setup_executor()
    except (KeyboardInterrupt, ExternalShutdownException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    rclpy.try_shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # The endpoint's threads read from Unity until it disconnects; the process must not wait for that.
    os._exit(0)


if __name__ == "__main__":
    main()
