"""Base of the nodes that process frames: source of frames, worker thread, publishers, diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from std_srvs.srv import SetBool

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.pipeline import PerceptionPipeline, PerceptionResult
from unity_depth_perception.pipeline.warm_up import warm_up
from unity_depth_perception.ros.conversions.detections import class_ids_of
from unity_depth_perception.ros.inputs.sources import FrameSource
from unity_depth_perception.ros.parameters.node_tables import FrameConfig
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.runtime.frame_processor import FrameProcessor, ReceivedMessages
from unity_depth_perception.ros.runtime.latest_wins_worker import LatestWinsWorker
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode
from unity_depth_perception.ros.topics.diagnostics import IMAGE_TOPIC, DiagnosticsPublisher, FrameCounts, memory_values
from unity_depth_perception.ros.topics.outputs import ResultPublishers
from unity_depth_perception.ros.topics.qos import QosMismatches
from unity_depth_perception.ros.topics.transforms import frame_note

Config = TypeVar("Config", bound=FrameConfig)

_QOS_MATCH_PERIOD_S = 0.5
_DIAGNOSTICS_PERIOD_S = 1.0
_LOG_PERIOD_S = 5.0
_STOP_TIMEOUT_S = 1.0
_INPUT_TIMEOUT_S = 5.0
_UNWATCHED_S = 2.0  # until images are not subscribed to any more


class FrameNode(ConfiguredNode[Config]):
    """A lifecycle node that connects a source of frames, a pipeline and result publishers.

    Frames are processed in a worker thread, so that the executor can answer parameter, lifecycle and diagnostics calls
    meanwhile.
    """

    def __init__(
        self,
        name: str,
        config_type: type[Config],
        make_pipeline: Callable[[Config], PerceptionPipeline],
        make_source: Callable[[Any], FrameSource],
        **node_arguments: Any,
    ) -> None:
        """`make_pipeline` and `make_source` are called by the configure transition.

        `node_arguments` go to rclpy's Node.
        """
        super().__init__(name, config_type, **node_arguments)
        self._make_pipeline = make_pipeline
        self._make_source = make_source
        self.counts = FrameCounts(lambda: self.get_clock().now().nanoseconds)
        self.mismatches = QosMismatches(self)
        self._active = False
        self._source: FrameSource | None = None
        self._pipeline: PerceptionPipeline | None = None
        self._result_publishers: ResultPublishers | None = None
        self._worker: LatestWinsWorker[ReceivedMessages] | None = None
        self._diagnostics = DiagnosticsPublisher(self)
        self._enabled = True
        self._watched_s = 0.0
        # On a steady clock: under use_sim_time without /clock, the node's own clock stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_QOS_MATCH_PERIOD_S, self._match_subscriptions, clock=steady)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)
        self.create_service(SetBool, "~/enable", self._enable)

    def set_up(self) -> None:
        """Read the intrinsics file, load and warm the models, create the publishers, start the worker."""
        self._source = self._make_source(self)
        self._pipeline = self._make_pipeline(self.config)
        warm_up(self._pipeline, self._source.intrinsics.from_file)
        names = table(type(self.config))["outputs"].choices
        source, class_ids = self._source, class_ids_of(getattr(self._pipeline.segmenter, "categories", ()))
        self._result_publishers = ResultPublishers(
            self, names, lambda: self.config, self.mismatches, lambda: class_ids or source.class_ids
        )
        process = FrameProcessor(
            self._source.read,
            self._pipeline,
            self._result_publishers,
            self.counts,
            lambda: self.config.limits,
            lambda error: self.refuse("refused inputs", error),
            lambda: self.is_watched,
            self.take,
        )
        self._worker = LatestWinsWorker(
            process, lambda _: self.counts.count("dropped"), lambda e: self.refuse("refused", e)
        )
        models = "".join(f"{key} {value}, " for key, value in self._models().items())
        self.get_logger().info(f"{models}device {self._pipeline.device}")

    def start(self) -> None:
        """Subscribe to the inputs."""
        if self._source is None:
            raise PerceptionError("configure the node before you activate it")
        self._source.listen()
        self._active, self._watched_s = True, time.monotonic()
        if self._result_publishers is not None:
            self._result_publishers.open()
        self.get_logger().info(f"listening to {', '.join(s.topic for s in self._source.subscriptions)}")

    def stop(self) -> None:
        """Unsubscribe and drop the waiting frame; the frame in process ends by itself and is not waited for."""
        if self._active and self._result_publishers is not None and self.context.ok():
            self._result_publishers.clear()
        self._active = False
        if self._source is not None:
            self._source.close()
        if self._worker is not None:
            self._worker.clear()

    def tear_down(self) -> bool:
        """Stop, end the worker, and release publishers and models; False if a frame is still in process."""
        self.stop()
        self._source = None
        if self._worker is not None and not self._worker.stop(_STOP_TIMEOUT_S):
            return False
        if self._result_publishers is not None:
            self._result_publishers.close()
        self._worker = self._result_publishers = self._pipeline = None
        return True

    def submit(self, messages: Any) -> None:
        """Queue the messages of a frame for the worker."""
        if self._worker is not None:
            self._worker.submit(ReceivedMessages(messages, time.perf_counter()))

    def refuse(self, outcome: str, error: Exception) -> None:
        """Count an unusable message or failed frame under `outcome`, and log the reason."""
        if not self.context.ok():
            return  # the node is shutting down: its publishers are gone, and the frame is not the cause
        reason = str(error) if isinstance(error, PerceptionError) else f"{type(error).__name__}: {error}"
        self.counts.refuse(outcome, reason)
        self.get_logger().warning(f"refused: {reason}", throttle_duration_sec=_LOG_PERIOD_S)

    @property
    def is_watched(self) -> bool:
        """Whether anybody uses results."""
        return self._result_publishers is not None and self._result_publishers.has_subscribers

    def take(self, result: PerceptionResult) -> None:
        """Called in the worker thread with each published result; for subclasses that use it further."""

    def further_values(self) -> dict[str, str]:
        """Further key-value pairs for diagnostics, of subclasses."""
        return {}

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Service ~/enable: false unsubscribes from the images, and keeps the models loaded."""
        self._enabled, response.success = request.data, True
        response.message = "enabled" if request.data else "disabled: images are not received"
        self._pause_or_resume()
        return response

    def _pause_or_resume(self) -> None:
        """Receive images only while the node is enabled and somebody watches an output, or did so just before."""
        if not self._active or self._source is None:
            return
        if self.is_watched:
            self._watched_s = time.monotonic()
        if self._enabled and time.monotonic() - self._watched_s < _UNWATCHED_S:
            self._source.resume()
        else:
            self._source.pause()

    def _match_subscriptions(self) -> None:
        self._pause_or_resume()
        for subscription in self._source.subscriptions if self._source else ():
            if subscription.match_publishers():
                self.get_logger().info(f"{subscription.topic}: adopted {subscription.qos.reliability.name}")

    def _models(self) -> dict[str, str]:
        """Names of the models that this node has, for log and diagnostics."""
        stages = ("depth", "segmentation")
        names = {f"{stage} model": getattr(self.config, f"{stage}_model", "") for stage in stages}
        return {key: name for key, name in names.items() if name}

    def _publish_diagnostics(self) -> None:
        level, text = self._health()
        values = self.counts.values() | self._models() | self.further_values()
        values["QoS mismatches"] = str(self.mismatches.count)
        values["last QoS mismatch"] = self.mismatches.last
        if self._pipeline is not None and self._source is not None:
            age_s = self._source.intrinsics.age_s
            values["camera_info age [s]"] = "none yet" if age_s is None else f"{age_s:.1f}"
            values["intrinsics"] = self._source.intrinsics.description
            if self._source.subscriptions:
                values[IMAGE_TOPIC] = self._source.subscriptions[0].topic
            values["frame_id"] = self._source.frame_id
            values["frame_id note"] = frame_note(self._source.frame_id) if self.counts["received"] else ""
            if self._source.transforms is not None:
                values["tf"] = self._source.transforms.state
            values |= memory_values(self._pipeline.device)
        self._diagnostics.publish(level, text, values)

    def _health(self) -> tuple[bytes, str]:
        if self.is_configuring:
            return DiagnosticStatus.OK, "configuring: loading and warming up the models"
        if self.failure:
            return DiagnosticStatus.ERROR, self.failure
        if not self._active or self._source is None:
            return DiagnosticStatus.OK, "not active"
        if not self._enabled:
            return DiagnosticStatus.OK, "disabled by the service enable"
        if self._source.is_paused:
            return DiagnosticStatus.WARN, "nobody subscribes to an output: images are not received"
        frames, silent_s = self._source.subscriptions[0], self.counts.since_last_s("received")
        if silent_s is None:
            nobody = "" if frames.publisher_count else ": nobody publishes it"
            return DiagnosticStatus.WARN, f"no image yet on {frames.topic}{nobody}"
        if self.counts.last_refused:
            return DiagnosticStatus.WARN, self.counts.last_reason
        for problem in list(self._source.problems.values()):
            return DiagnosticStatus.WARN, problem
        if self.get_parameter("use_sim_time").value and not self.get_clock().now().nanoseconds:
            return DiagnosticStatus.WARN, "use_sim_time is set, but nobody publishes /clock"
        if silent_s > _INPUT_TIMEOUT_S:
            return DiagnosticStatus.WARN, f"no image on {frames.topic} for {silent_s:.0f} s"
        if not self.is_watched:
            return DiagnosticStatus.WARN, "nobody subscribes to an output"
        return DiagnosticStatus.OK, "processing"
