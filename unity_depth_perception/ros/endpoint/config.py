"""Parameters of unity_endpoint; the first two are named as those of Unity's own endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.endpoint.server import EndpointSettings
from unity_depth_perception.ros.parameters.spec import parameter


@dataclass(frozen=True)
class EndpointConfig:
    """Parameters of unity_endpoint."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    ROS_IP: str = parameter("127.0.0.1", "address to listen on; 0.0.0.0 lets any machine of the network in")
    ROS_TCP_PORT: int = parameter(10000, "port, the same as in Unity's ROS Settings", minimum=0, maximum=65535)
    max_message_bytes: int = parameter(
        64 << 20, "longer messages end their client's connection", minimum=1024, maximum=2**31 - 1
    )
    max_clients: int = parameter(128, "clients at once; more are refused", minimum=1, maximum=10_000)
    frame_timeout_s: float = parameter(
        30.0, "seconds within which a message that has begun must be complete", minimum=0.1, maximum=3600.0
    )

    @property
    def settings(self) -> EndpointSettings:
        """What the server is told."""
        return EndpointSettings(
            host=self.ROS_IP,
            port=self.ROS_TCP_PORT,
            max_message_bytes=self.max_message_bytes,
            max_partial_bytes=max(256 << 20, 2 * self.max_message_bytes),
            max_clients=self.max_clients,
            frame_timeout_s=self.frame_timeout_s,
        )
