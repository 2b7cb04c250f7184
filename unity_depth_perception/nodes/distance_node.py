"""distance_node: depth and instance images of any source in, object distances out."""

from __future__ import annotations

from typing import Any, NoReturn

import torch

from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.inputs.depth_and_instances import DepthInstancesSource
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.node_tables import DistanceConfig
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.frame_node import FrameNode
from unity_depth_perception.ros.runtime.lifecycle_node import run_node


def create_pipeline(config: DistanceConfig) -> PerceptionPipeline:
    """Create a pipeline without models: depth and instances of each frame come from messages.

    Raises:
        ConfigurationError: the device is not available.
    """
    return PerceptionPipeline(None, None, resolve_device(config.device, torch.cuda.is_available()))


class DistanceNode(FrameNode[DistanceConfig]):
    """Publishes distance, position and parent of each object, from depth and instance images of the same stamp."""

    def __init__(self, **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node."""
        super().__init__("distance_node", DistanceConfig, create_pipeline, DepthInstancesSource, **node_arguments)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("distance_node", __doc__, table(DistanceConfig).values(), args)
    run_node(DistanceNode, args)


if __name__ == "__main__":
    main()
