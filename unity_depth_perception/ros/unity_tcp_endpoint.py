"""Unity's ROS-TCP-Endpoint 0.7 with a fix: on ROS 2 Jazzy it can stop sending to Unity.

The endpoint destroys publishers and subscriptions in the thread of the TCP connection (Unity registers each publisher
twice, and everything again whenever Play restarts) while its executor waits on them in another. rclpy then raises
InvalidHandle, which ends the executor: images from Unity are still published, but nothing is sent back to Unity.
"""

from __future__ import annotations

import rclpy
from rclpy.exceptions import InvalidHandle
from ros_tcp_endpoint import TcpServer
from ros_tcp_endpoint.server import SysCommands


class Commands(SysCommands):  # type: ignore[misc]
    """Adds the command of ROS-TCP-Connector 0.7 that the endpoint lacks; it disconnects on an unknown command."""

    def remove_subscriber(self, topic: str) -> None:
        """Handle the command that ROSConnection.Unsubscribe sends."""
        self.tcp_server.unregister_node(self.tcp_server.subscribers_table.pop(topic, None))


class UnityTcpServer(TcpServer):  # type: ignore[misc]
    """The node of the endpoint, with parameters ROS_IP and ROS_TCP_PORT."""

    def __init__(self, name: str = "UnityEndpoint") -> None:
        super().__init__(name)
        self.syscommands = Commands(self)

    def setup_executor(self) -> None:
        """Spin until the context is shut down, even when subscriptions are destroyed meanwhile."""
        spin = super().setup_executor
        while rclpy.ok():
            try:
                spin()
            except InvalidHandle:
                spin = self.executor.spin  # all nodes are on it already
