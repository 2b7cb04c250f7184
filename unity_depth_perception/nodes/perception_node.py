"""perception_node: camera images in, metric depth and object distances out, in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter, require_usable
from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.pipeline import PerceptionPipeline, PerceptionResult
from unity_depth_perception.reconstruction.temporal import TemporalAligner
from unity_depth_perception.ros.inputs.images import ImageSource
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.node_tables import PerceptionConfig
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.frame_node import FrameNode
from unity_depth_perception.ros.runtime.lifecycle_node import run_node
from unity_depth_perception.ros.runtime.reconstruction_service import ReconstructionService

_STOP_TIMEOUT_S = 1.0


def create_pipeline(config: PerceptionConfig) -> PerceptionPipeline:
    """Create the pipeline with the models that the parameters name.

    Raises:
        ModelError: a model is unknown, relative without a source of scale, or its weights cannot be loaded.
        ConfigurationError: the device is not available, or an option does not fit the model.
    """
    require_usable(config.depth_model, config.segmentation_model, config.depth_scale)
    device = resolve_device(config.device, torch.cuda.is_available())
    return PerceptionPipeline(
        create_depth_estimator(config.depth_model, device, config.weights, config.depth_options),
        create_segmenter(config.segmentation_model, device, config.segmentation_acceleration),
        scale=config.depth_scale,
        aligner=TemporalAligner() if config.temporal == "poses" else None,
    )


class PerceptionNode(FrameNode[PerceptionConfig]):
    """Publishes depth, instances and object distances for each colour image."""

    def __init__(
        self, make_pipeline: Callable[[PerceptionConfig], PerceptionPipeline] = create_pipeline, **node_arguments: Any
    ) -> None:
        """`make_pipeline` is called by the configure transition; `node_arguments` go to rclpy's Node."""
        super().__init__("perception_node", PerceptionConfig, make_pipeline, ImageSource, **node_arguments)
        self._reconstruction = ReconstructionService(self)

    def set_up(self) -> None:
        """Load and warm the models, create the publishers."""
        super().set_up()
        if self._pipeline is not None:
            self._reconstruction.open(self._pipeline)

    def stop(self) -> None:
        """Unsubscribe; end a running reconstruction."""
        self._reconstruction.stop()
        super().stop()

    def tear_down(self) -> bool:
        """Release publishers and models; False if a frame or a reconstruction is still in process."""
        is_idle = self._reconstruction.close(_STOP_TIMEOUT_S)
        return super().tear_down() and is_idle

    @property
    def is_watched(self) -> bool:
        """Whether anybody uses results: subscribes to an output, or waits for a reconstruction."""
        return super().is_watched or self._reconstruction.has_subscribers

    def take(self, result: PerceptionResult) -> None:
        """Keep the result if it is a keyframe."""
        self._reconstruction.take(result)

    def further_values(self) -> dict[str, str]:
        """State of the reconstruction."""
        return self._reconstruction.values()


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("perception_node", __doc__, table(PerceptionConfig).values(), args)
    run_node(PerceptionNode, args)


if __name__ == "__main__":
    main()
