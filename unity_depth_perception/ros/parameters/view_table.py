"""Parameters of view_node."""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.ros.parameters.spec import parameter


@dataclass(frozen=True)
class ViewConfig:
    """Parameters of view_node; port 0 is any free one."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    host: str = parameter("127.0.0.1", "address to listen on; 0.0.0.0 lets any machine of the network look")
    foxglove_port: int = parameter(8765, "port of Foxglove's websocket", minimum=0, maximum=65535)
    page_port: int = parameter(8766, "port of the web page", minimum=0, maximum=65535)
    record: str = parameter("", "new .mcap file for all that Foxglove can see, while the node is active; empty: none")
