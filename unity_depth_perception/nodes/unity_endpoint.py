"""unity_endpoint: the TCP endpoint that Unity's ROS-TCP-Connector talks to; topics and services both ways."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, NoReturn

from diagnostic_msgs.msg import DiagnosticStatus

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.endpoint.server import EndpointServer
from unity_depth_perception.ros.endpoint.bridge import RclpyBridge
from unity_depth_perception.ros.endpoint.config import EndpointConfig
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode, run_node
from unity_depth_perception.ros.topics.diagnostics import DiagnosticsPublisher

_DIAGNOSTICS_PERIOD_S = 1.0
_LOG_PERIOD_S = 1.0
_STOP_TIMEOUT_S = 2.0


class UnityEndpointNode(ConfiguredNode[EndpointConfig]):
    """Serves Unity's clients in a thread of its own, while the executor answers ROS."""

    def __init__(self, **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node."""
        super().__init__("unity_endpoint", EndpointConfig, **node_arguments)
        self.server: EndpointServer | None = None
        self._bridge = RclpyBridge(self, self._refuse)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._diagnostics = DiagnosticsPublisher(self)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)

    def set_up(self) -> None:
        """Bind the port."""
        self.server = EndpointServer(self._bridge, self.config.settings, self._log, self._refuse)

    def start(self) -> None:
        """Accept clients."""
        if self.server is None:
            raise PerceptionError("configure the node before you activate it")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._serve, args=(self._loop, self.server), name="endpoint", daemon=True
        )
        self._thread.start()
        self.get_logger().info(f"listening on {self.config.ROS_IP}:{self.server.port} for ROS-TCP-Connector")

    def stop(self) -> None:
        """End all connections. The port is free afterwards: configure again to listen again."""
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
            thread.join(_STOP_TIMEOUT_S)
        self._loop = self._thread = None

    def tear_down(self) -> bool:
        """Stop, and let go of the port."""
        self.stop()
        if self.server is not None:
            self.server.close()
        self.server = None
        return True

    def _serve(self, loop: asyncio.AbstractEventLoop, server: EndpointServer) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(server.serve())
        loop.close()

    def _log(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().info(text)

    def _refuse(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(text, throttle_duration_sec=_LOG_PERIOD_S)

    def _publish_diagnostics(self) -> None:
        level = DiagnosticStatus.ERROR if self.failure else DiagnosticStatus.OK
        counts = {} if self.server is None else self.server.counts.values()
        clients = 0 if self.server is None else self.server.client_count
        text = self.failure or ("not active" if self._thread is None else f"{clients} clients")
        self._diagnostics.publish(level, text, {name: str(number) for name, number in counts.items()})


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("unity_endpoint", __doc__, table(EndpointConfig).values(), args)
    run_node(UnityEndpointNode, args)


if __name__ == "__main__":
    main()
