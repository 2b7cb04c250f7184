"""`unity-depth endpoint`: what Unity's ROS-TCP-Connector connects to."""

from __future__ import annotations

from typing import Annotated

import typer

from unity_depth_perception.core.errors import ConfigurationError


def endpoint(
    ip: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The same as in Unity's ROS Settings.")] = 10000,
    max_message_bytes: Annotated[int, typer.Option(min=1024, help="Longer messages are refused.")] = 64 << 20,
) -> None:
    """Run the TCP endpoint for Unity until Ctrl-C: topics and services both ways, no ROS installation needed."""
    try:
        from unity_depth_perception.nodes.unity_endpoint import main
    except ImportError as error:
        raise ConfigurationError(f"{error}: the endpoint needs ROS 2's rclpy; `make setup` brings it along") from None
    values = {"ROS_IP": ip, "ROS_TCP_PORT": port, "max_message_bytes": max_message_bytes}
    main(
        ["unity_endpoint", "--ros-args", *(word for key, value in values.items() for word in ("-p", f"{key}:={value}"))]
    )
