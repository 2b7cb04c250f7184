"""An endpoint as a process of its own: ours, or Unity's ROS-TCP-Endpoint where that is installed."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

# What unity.launch.py starts (endpoint:=ours, endpoint:=unity), and what Unity's own launch file starts.
OURS = "unity_depth_perception.nodes.unity_endpoint"
MENDED = "unity_depth_perception.nodes.unity_ros_tcp_endpoint"
STOCK = "ros_tcp_endpoint.default_server_endpoint"


def free_port() -> int:
    """A free port of 127.0.0.1.

    Below the ephemeral ports: one of those would now and then be the client's own port while it tries to connect, and a
    socket that connects to its own port is connected to itself.
    """
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", random.randint(10_001, 30_000))) as server,
        ):
            return int(server.getsockname()[1])


class Endpoint:
    """ROS-TCP-Endpoint on 127.0.0.1 in one ROS domain; it can be stopped and started again on the same port."""

    def __init__(self, domain_id: int, log: Path, module: str = OURS) -> None:
        self._module = module
        self.port = free_port()
        self._environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running endpoint."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process; it listens some time later, until when clients must retry."""
        parameters = ["-p", "ROS_IP:=127.0.0.1", "-p", f"ROS_TCP_PORT:={self.port}"]
        command = [sys.executable, "-m", self._module, "--ros-args", *parameters]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    def stop(self) -> None:
        """Kill the process, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
