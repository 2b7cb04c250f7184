"""virtual_unity_node: publishes synthetic scenes with their ground truth, as a Unity camera would."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.configuration import VirtualUnityConfig
from unity_depth_perception.ros.diagnostics import DiagnosticsPublisher
from unity_depth_perception.ros.lifecycle import ConfiguredNode, run_node
from unity_depth_perception.ros.qos import OUTPUT_QOS
from unity_depth_perception.ros.results import time_message
from unity_depth_perception.ros.scene_feed import SceneFeed, scene_renderer

_DIAGNOSTICS_PERIOD_S = 0.5
_STOP_TIMEOUT_S = 1.0


class VirtualUnityNode(ConfiguredNode[VirtualUnityConfig]):
    """A camera that looks at one random scene after another; its stamps start near 0, like Unity's Time."""

    def __init__(self, **node_arguments: Any) -> None:
        """`node_arguments` go to rclpy's Node."""
        super().__init__("virtual_unity_node", VirtualUnityConfig, **node_arguments)
        topics = {  # in the order of SampleMessages
            "camera_info": CameraInfo,
            "camera_pose": PoseStamped,
            "ground_truth/objects": ObjectDistanceArray,
            "image_raw": Image,
            "ground_truth/depth": Image,
            "ground_truth/instances": Image,
        }
        self._publishers_out = [
            self.create_lifecycle_publisher(message_type, topic, OUTPUT_QOS) for topic, message_type in topics.items()
        ]
        self.sent = 0
        self._origin_unix_ns = 0
        self._feed: SceneFeed | None = None
        self._timer: Timer | None = None
        self._diagnostics = DiagnosticsPublisher(self)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)

    def set_up(self) -> None:
        """Render the first scene."""
        c = self.config
        self._feed = SceneFeed(scene_renderer(c.width, c.height, c.vertical_fov_deg), c.seed)

    def start(self) -> None:
        """Start the clock and publish."""
        if self._feed is None:
            raise PerceptionError("configure the node before you activate it")
        self.sent = 0
        self._origin_unix_ns = time.time_ns()
        self._timer = self.create_timer(1 / self.config.rate_hz, self._publish_frame)

    def stop(self) -> None:
        """Publish no longer."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def tear_down(self) -> bool:
        """Stop, and end the rendering."""
        self.stop()
        feed, self._feed = self._feed, None
        return feed is None or feed.close(_STOP_TIMEOUT_S)

    def _publish_frame(self) -> None:
        if self._feed is None or 0 < self.config.frames <= self.sent:
            return
        if self.sent > 0 and self.sent % self.config.frames_per_scene == 0:
            self._feed.advance()
        stamp = time_message(time.time_ns() - self._origin_unix_ns)
        self._feed.current.stamp(Header(stamp=stamp, frame_id=self.config.frame_id))
        for publisher, message in zip(self._publishers_out, self._feed.current, strict=True):
            if publisher.get_subscription_count() > 0:
                publisher.publish(message)
        self.sent += 1

    def _publish_diagnostics(self) -> None:
        level = DiagnosticStatus.ERROR if self.failure else DiagnosticStatus.OK
        text = self.failure or ("not active" if self._timer is None else "publishing")
        # With the origin of its clock, stamps can be compared with this machine's time.
        values = {"sent": str(self.sent), "origin [unix ns]": str(self._origin_unix_ns)}
        self._diagnostics.publish(level, text, values)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted."""
    torch.set_num_threads(1)  # leave the other cores to those who look at the images
    run_node(VirtualUnityNode, args)


if __name__ == "__main__":
    main()
