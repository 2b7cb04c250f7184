"""virtual_unity_node: publishes scenes, a dataset or a video as a Unity camera would, with ground truth if known."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from typing import Any, NoReturn

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.parameters.command_line import check_arguments
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.parameters.virtual_unity_table import VirtualUnityConfig
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode, run_node
from unity_depth_perception.ros.topics.diagnostics import DiagnosticsPublisher
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS
from unity_depth_perception.ros.virtual_unity.messages import ImageFormat, SampleMessages
from unity_depth_perception.ros.virtual_unity.prefetch import MessagePrefetcher
from unity_depth_perception.ros.virtual_unity.sample_sources import open_samples

_DIAGNOSTICS_PERIOD_S = 0.5
_STOP_TIMEOUT_S = 1.0
_LOG_PERIOD_S = 5.0
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still


class VirtualUnityNode(ConfiguredNode[VirtualUnityConfig]):
    """Publishes one sample after another as image, camera_info, pose and truth; stamps start at 0, like Unity's."""

    def __init__(self, **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node."""
        super().__init__("virtual_unity_node", VirtualUnityConfig, **node_arguments)
        compressed = self.config.image_transport == "compressed"
        topics = {  # in the order of SampleMessages
            "camera_info": CameraInfo,
            "camera_pose": PoseStamped,
            "ground_truth/objects": ObjectDistanceArray,
            "image_raw/compressed" if compressed else "image_raw": CompressedImage if compressed else Image,
            "ground_truth/depth": Image,
            "ground_truth/instances": Image,
        }
        self._camera_publishers = [
            self.create_lifecycle_publisher(message_type, topic, OUTPUT_QOS)
            for topic, message_type in topics.items()
            if topic != "camera_info" or self.config.camera_info
        ]
        self.sent = 0
        self._origin_unix_ns = 0
        self._prefetcher: MessagePrefetcher | None = None
        self._timer: Timer | None = None
        self._diagnostics = DiagnosticsPublisher(self)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=_STEADY)

    def set_up(self) -> None:
        """Read or render the first sample."""
        c = self.config
        image_format = ImageFormat(c.encoding, c.image_transport == "compressed", c.flip_vertical)
        self._prefetcher = MessagePrefetcher(open_samples(c), image_format)
        self._frames_per_sample = c.frames_per_scene if c.source == "synthetic" else 1
        self._random = random.Random(c.seed)

    def start(self) -> None:
        """Start the clock and the publishing timer."""
        if self._prefetcher is None:
            raise PerceptionError("configure the node before you activate it")
        self.sent = 0
        self._origin_unix_ns = time.time_ns()
        self._timer = self.create_timer(1 / self.config.rate_hz, self._publish_frame, clock=_STEADY)

    def stop(self) -> None:
        """Stop the publishing timer."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def tear_down(self) -> bool:
        """Stop publishing and prefetching."""
        self.stop()
        prefetcher, self._prefetcher = self._prefetcher, None
        return prefetcher is None or prefetcher.close(_STOP_TIMEOUT_S)

    def _publish_frame(self) -> None:
        if self._prefetcher is None or self._timer is None or 0 < self.config.frames <= self.sent:
            return
        spread = self.config.jitter * self._random.uniform(-1, 1)
        self._timer.timer_period_ns = round((1 + spread) / self.config.rate_hz * 1e9)
        if self.sent > 0 and self.sent % self._frames_per_sample == 0:
            self._advance(self._prefetcher)
        stamp = time_message(time.time_ns() - self._origin_unix_ns)
        self._prefetcher.current.stamp(Header(stamp=stamp, frame_id=self.config.frame_id))
        for publisher, message in self._outgoing(self._prefetcher.current):
            if message is not None and publisher.get_subscription_count() > 0:
                publisher.publish(message)
        self.sent += 1

    def _outgoing(self, messages: SampleMessages) -> Iterable[tuple[Any, Any]]:
        return zip(self._camera_publishers, messages[0 if self.config.camera_info else 1 :], strict=True)

    def _advance(self, prefetcher: MessagePrefetcher) -> None:
        try:
            prefetcher.advance()
        except PerceptionError as error:  # an image of the dataset that cannot be decoded: the previous one stays
            self.get_logger().warning(str(error), throttle_duration_sec=_LOG_PERIOD_S)

    def _publish_diagnostics(self) -> None:
        level = DiagnosticStatus.ERROR if self.failure else DiagnosticStatus.OK
        text = self.failure or ("not active" if self._timer is None else "publishing")
        # The origin of the clock, so that stamps can be compared with the time of this machine.
        values = {"sent": str(self.sent), "origin [unix ns]": str(self._origin_unix_ns)}
        self._diagnostics.publish(level, text, values)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, or answer `--help`."""
    check_arguments("virtual_unity_node", __doc__, table(VirtualUnityConfig).values(), args)
    torch.set_num_threads(1)  # leave the other cores to the nodes that process the images
    run_node(VirtualUnityNode, args)


if __name__ == "__main__":
    main()
