"""depth_node: camera images in, metric depth and point cloud out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from unity_depth_perception.models.null_models import NullSegmenter
from unity_depth_perception.models.registry import create_depth_estimator, require_usable
from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.inputs.images import ImageSource
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.node_tables import DepthConfig
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.frame_node import FrameNode
from unity_depth_perception.ros.runtime.lifecycle_node import run_node


def create_pipeline(config: DepthConfig) -> PerceptionPipeline:
    """Create the pipeline with the depth model that the parameters name, and no segmentation.

    Raises:
        ModelError: the model is unknown, relative without a source of scale, or its weights cannot be loaded.
        ConfigurationError: the device is not available, or an option does not fit the model.
    """
    require_usable(config.depth_model, None, config.depth_scale)
    device = resolve_device(config.device, torch.cuda.is_available())
    depth = create_depth_estimator(config.depth_model, device, config.weights, config.depth_options)
    return PerceptionPipeline(depth, NullSegmenter(device), scale=config.depth_scale)


class DepthNode(FrameNode[DepthConfig]):
    """Publishes metric depth and a point cloud for each colour image."""

    def __init__(
        self, make_pipeline: Callable[[DepthConfig], PerceptionPipeline] = create_pipeline, **node_arguments: Any
    ) -> None:
        """`make_pipeline` is called by the configure transition; `node_arguments` go to rclpy's Node."""
        super().__init__("depth_node", DepthConfig, make_pipeline, ImageSource, **node_arguments)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("depth_node", __doc__, table(DepthConfig).values(), args)
    run_node(DepthNode, args)


if __name__ == "__main__":
    main()
