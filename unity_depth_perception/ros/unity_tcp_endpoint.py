"""Unity's ROS-TCP-Endpoint 0.7, mended where it falls silent on ROS 2 Jazzy.

The endpoint destroys publishers and subscriptions in the thread of the TCP connection (Unity registers each publisher
twice, and everything again whenever Play restarts) while its executor waits on them in another. rclpy then ends the
wait with InvalidHandle, and with it the endpoint's `main`: images still go out, but nothing comes back to Unity.
"""

from __future__ import annotations

import rclpy
from rclpy.exceptions import InvalidHandle
from ros_tcp_endpoint import TcpServer
from ros_tcp_endpoint.server import SysCommands


class Commands(SysCommands):  # type: ignore[misc]
    """The commands that ROS-TCP-Connector 0.7 sends; the endpoint hangs up on one that it does not know."""

    def remove_subscriber(self, topic: str) -> None:
        """What ROSConnection.Unsubscribe sends."""
        self.tcp_server.unregister_node(self.tcp_server.subscribers_table.pop(topic, None))


class UnityTcpServer(TcpServer):  # type: ignore[misc]
    """The endpoint's node; parameters ROS_IP and ROS_TCP_PORT."""

    def __init__(self, name: str = "UnityEndpoint") -> None:
        super().__init__(name)
        self.syscommands = Commands(self)

    def setup_executor(self) -> None:
        """Spin until the context is shut down, whatever is destroyed meanwhile."""
        spin = super().setup_executor
        while rclpy.ok():
            try:
                spin()
            except InvalidHandle:
                spin = self.executor.spin  # all nodes are on it already
