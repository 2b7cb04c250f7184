"""segmentation_node: camera images in, object instances out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from unity_depth_perception.models.null_models import NullDepth
from unity_depth_perception.models.registry import create_segmenter
from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.inputs.images import ImageSource
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.node_tables import SegmentationConfig
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.frame_node import FrameNode
from unity_depth_perception.ros.runtime.lifecycle_node import run_node


def create_pipeline(config: SegmentationConfig) -> PerceptionPipeline:
    """Create the pipeline with the segmentation model that the parameters name, and no depth.

    Raises:
        ModelError: the model is unknown, or its weights cannot be used.
        ConfigurationError: the device is not available.
    """
    device = resolve_device(config.device, torch.cuda.is_available())
    return PerceptionPipeline(
        NullDepth(device), create_segmenter(config.segmentation_model, device, config.segmentation_acceleration)
    )


class SegmentationNode(FrameNode[SegmentationConfig]):
    """Publishes object instances for each colour image."""

    def __init__(
        self, make_pipeline: Callable[[SegmentationConfig], PerceptionPipeline] = create_pipeline, **node_arguments: Any
    ) -> None:
        """`make_pipeline` is called by the configure transition; `node_arguments` go to rclpy's Node."""
        super().__init__("segmentation_node", SegmentationConfig, make_pipeline, ImageSource, **node_arguments)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("segmentation_node", __doc__, table(SegmentationConfig).values(), args)
    run_node(SegmentationNode, args)


if __name__ == "__main__":
    main()
