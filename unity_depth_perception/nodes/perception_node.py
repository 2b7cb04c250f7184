"""perception_node: camera images in, metric depth and object distances out, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.models.device import resolve_device
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.cameras import Intrinsics
from unity_depth_perception.ros.configuration import PerceptionConfig
from unity_depth_perception.ros.diagnostics import DiagnosticsPublisher, FrameCounts
from unity_depth_perception.ros.lifecycle import ConfiguredNode, run_node
from unity_depth_perception.ros.outputs import ResultPublishers
from unity_depth_perception.ros.processor import Arrival, FrameProcessor, PoseBuffer, warm_up
from unity_depth_perception.ros.qos import AdoptingSubscription
from unity_depth_perception.ros.worker import NewestWorker

_ADOPT_PERIOD_S = 0.5
_DIAGNOSTICS_PERIOD_S = 1.0
_LOG_PERIOD_S = 5.0
_STOP_TIMEOUT_S = 1.0


def create_pipeline(config: PerceptionConfig) -> PerceptionPipeline:
    """The models that the parameters name, on their device.

    Raises:
        ModelError: a model is unknown, or its weights cannot be used.
        ConfigurationError: the device is not there.
    """
    device = resolve_device(config.device, torch.cuda.is_available())
    return PerceptionPipeline(
        create_depth_estimator(config.depth_model, device), create_segmenter(config.segmentation_model, device)
    )


class PerceptionNode(ConfiguredNode[PerceptionConfig]):
    """Wires subscriptions, worker and publishers together."""

    def __init__(
        self, make_pipeline: Callable[[PerceptionConfig], PerceptionPipeline] = create_pipeline, **node_arguments: Any
    ) -> None:
        """`make_pipeline` is called by the configure transition; `node_arguments` go to rclpy's Node."""
        super().__init__("perception_node", PerceptionConfig, **node_arguments)
        self._make_pipeline = make_pipeline
        self.counts = FrameCounts()
        self._subscriptions_in: list[AdoptingSubscription] = []
        self._publishers_out: ResultPublishers | None = None
        self._process: FrameProcessor | None = None
        self._worker: NewestWorker[Arrival] | None = None
        self._diagnostics = DiagnosticsPublisher(self)
        self.create_timer(_ADOPT_PERIOD_S, self._adopt_offers)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)

    def set_up(self) -> None:
        """Read the intrinsics file, load and warm the models, create the publishers."""
        self._intrinsics = Intrinsics(self.config.camera_intrinsics_file, self.config.vertical_fov_deg)
        self._poses = PoseBuffer()
        pipeline = self._make_pipeline(self.config)
        warm_up(pipeline)
        self._publishers_out = ResultPublishers(self, lambda: self.config.depth_encoding)
        self._process = FrameProcessor(pipeline, self._intrinsics, self._poses, self._publishers_out, self.counts)
        self.get_logger().info(
            f"depth {self.config.depth_model}, segmentation {self.config.segmentation_model} on {pipeline.device}"
        )

    def start(self) -> None:
        """Start the worker and listen."""
        if self._process is None:
            raise PerceptionError("configure the node before you activate it")
        self._worker = NewestWorker(self._process, lambda _: self.counts.count("dropped"), self._refuse)
        self._subscriptions_in = [
            AdoptingSubscription(self, Image, "image_raw", self._take_image, self.config.image_reliability),
            AdoptingSubscription(self, CameraInfo, "camera_info", self._guarded(self._intrinsics.update)),
            AdoptingSubscription(self, PoseStamped, "camera_pose", self._guarded(self._poses.update)),
        ]
        self.get_logger().info(f"listening to {', '.join(s.topic for s in self._subscriptions_in)}")

    def stop(self) -> None:
        """Listen no longer and end the worker."""
        for subscription in self._subscriptions_in:
            subscription.close()
        self._subscriptions_in = []
        if self._worker is not None and self._worker.stop(_STOP_TIMEOUT_S):
            self._worker = None

    def tear_down(self) -> bool:
        """Stop, and let go of publishers and models."""
        self.stop()
        if self._worker is not None:
            return False
        if self._publishers_out is not None:
            self._publishers_out.close()
        self._publishers_out = self._process = None
        return True

    def _take_image(self, message: Image) -> None:
        self.counts.count("received")
        if self._worker is not None:
            self._worker.offer(Arrival(message, time.perf_counter()))

    def _guarded(self, update: Callable[[Any], None]) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            try:
                update(message)
            except PerceptionError as error:
                self._refuse(error)

        return take

    def _refuse(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, PerceptionError) else f"{type(error).__name__}: {error}"
        self.counts.refuse(reason)
        self.get_logger().warning(f"refused: {reason}", throttle_duration_sec=_LOG_PERIOD_S)

    def _adopt_offers(self) -> None:
        for subscription in self._subscriptions_in:
            if subscription.adopt():
                self.get_logger().info(f"{subscription.topic}: adopted {subscription.qos.reliability.name}")

    def _publish_diagnostics(self) -> None:
        level, text = self._health()
        config = self.config
        models = {"depth model": config.depth_model, "segmentation model": config.segmentation_model}
        self._diagnostics.publish(level, text, self.counts.values() | models)

    def _health(self) -> tuple[bytes, str]:
        if self.failure:
            return DiagnosticStatus.ERROR, self.failure
        if self._worker is None:
            return DiagnosticStatus.OK, "not active"
        if self.counts["received"] == 0:
            return DiagnosticStatus.WARN, f"no image yet on {self._subscriptions_in[0].topic}"
        if self.counts["processed"] == 0:
            return DiagnosticStatus.WARN, self.counts.last_reason or "nobody subscribes to an output"
        return DiagnosticStatus.OK, "processing"


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted."""
    run_node(PerceptionNode, args)


if __name__ == "__main__":
    main()
