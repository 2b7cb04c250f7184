"""view_node: a live view in Foxglove and on a web page, of a camera and its results; idle while nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.parameters.view_table import ViewConfig
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode, run_node

if TYPE_CHECKING:
    from unity_depth_perception.ros.view.bridge import ViewBridge


class ViewNode(ConfiguredNode[ViewConfig]):
    """Serves Foxglove and the page while it is active."""

    def __init__(self, **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node."""
        super().__init__("view_node", ViewConfig, **node_arguments)
        self.bridge: ViewBridge | None = None

    def set_up(self) -> None:
        """Check that the libraries of the view are there."""
        try:
            import foxglove  # noqa: F401
            import websockets  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(
                f"{error}: the live view needs foxglove-sdk and websockets, the extra [view] of this package"
            ) from None

    def start(self) -> None:
        """Listen for viewers."""
        from unity_depth_perception.ros.view.bridge import ViewBridge

        config = self.config
        self.bridge = ViewBridge(self, config)
        self.get_logger().info(
            f"live view: open http://{config.host}:{self.bridge.page.port} in a browser, or "
            f"ws://{config.host}:{self.bridge.foxglove.port} in Foxglove with config/foxglove_layout.json"
        )

    def stop(self) -> None:
        """End the connections of all viewers."""
        if self.bridge is not None:
            self.bridge.close()
        self.bridge = None

    def tear_down(self) -> bool:
        """Stop."""
        self.stop()
        return True


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("view_node", __doc__, table(ViewConfig).values(), args)
    run_node(ViewNode, args)


if __name__ == "__main__":
    main()
