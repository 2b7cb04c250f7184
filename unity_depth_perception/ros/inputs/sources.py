"""Sources of frames: subscriptions of a node, and the conversion of their messages to input of the pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.conversions.headers import stamp_ns_of
from unity_depth_perception.ros.inputs.camera_poses import PoseBuffer, TfPoseLookup
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.inputs.intrinsics import IntrinsicsSelector
from unity_depth_perception.ros.parameters.node_tables import PoseConfig
from unity_depth_perception.ros.topics.diagnostics import FrameCounts
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription, QosMismatches


class Host(Protocol):
    """What a source needs from the rclpy node that owns it."""

    config: Any
    counts: FrameCounts
    mismatches: QosMismatches

    def submit(self, messages: Any) -> None:
        """Queue the messages of a frame for the worker thread, which converts them by `FrameSource.read`."""
        ...

    def refuse(self, outcome: str, error: Exception) -> None:
        """Count an unusable message under `outcome` of diagnostics, and log the error."""
        ...


class FrameSource(ABC):
    """Subscribes to camera_info and, if the node has pose parameters, to poses; subclasses add the frames themselves.

    The first of `subscriptions` is the topic whose messages count as frames received.
    """

    camera_info_topic = "camera_info"

    def __init__(self, host: Host) -> None:
        """Reads the intrinsics file; subscribes to nothing before `listen`.

        Raises:
            PerceptionError: the file is missing or wrong, or world_frame is set and tf2_ros is not installed.
        """
        self.host = host
        config = host.config
        self.intrinsics = IntrinsicsSelector(config.camera_intrinsics_file, config.vertical_fov_deg)
        self.subscriptions: list[QosMatchingSubscription] = []
        self.poses: PoseBuffer | TfPoseLookup | None = None
        if isinstance(config, PoseConfig):
            self.poses = TfPoseLookup(config.world_frame) if config.world_frame else PoseBuffer()

    def listen(self) -> None:
        """Create all subscriptions."""
        self.subscribe_frames()
        self.subscribe(CameraInfo, self.camera_info_topic, self.intrinsics.update)
        if isinstance(self.poses, PoseBuffer):
            self.subscribe(PoseStamped, "camera_pose", self.poses.update)
        elif self.poses is not None:
            self.poses.listen(self.host)

    def close(self) -> None:
        """Destroy all subscriptions."""
        for subscription in self.subscriptions:
            subscription.close()
        self.subscriptions = []
        if isinstance(self.poses, TfPoseLookup):
            self.poses.close()

    @abstractmethod
    def subscribe_frames(self) -> None:
        """Subscribe to the topics that frames are made from."""

    @abstractmethod
    def read(self, messages: Any) -> FrameInput:
        """Convert messages given to `Host.submit` to input of the pipeline; called in the worker thread.

        Raises:
            PerceptionError: a message cannot be used.
        """

    def subscribe(
        self, message_type: type[Any], topic: str, take: Callable[[Any], None], reliability: str = "auto"
    ) -> None:
        """Add a subscription; a PerceptionError of the callback `take` goes to `Host.refuse`."""

        def guarded(message: Any) -> None:
            try:
                take(message)
            except PerceptionError as error:
                self.host.refuse("refused inputs", error)

        subscription = QosMatchingSubscription(
            self.host, message_type, topic, guarded, self.host.mismatches, reliability
        )
        self.subscriptions.append(subscription)


class ImageSource(FrameSource):
    """Frames from colour images, raw or compressed."""

    def subscribe_frames(self) -> None:
        """Subscribe to image_raw; compressed images are at <remapped name>/compressed, as with image_transport."""
        config = self.host.config
        message_type, topic = Image, "image_raw"
        if config.image_transport == "compressed":
            message_type, topic = CompressedImage, f"{self.host.resolve_topic_name(topic)}/compressed"  # type: ignore[attr-defined]
        self.subscribe(message_type, topic, self._take, config.image_reliability)

    def read(self, messages: Any) -> FrameInput:
        """Convert an image message to a frame.

        Raises:
            PerceptionError: the image or its camera cannot be used.
        """
        header = messages.header
        image = rgb_of(messages, self.host.config.flip_vertical)
        height, width = image.shape[:2]
        return FrameInput(
            Frame(
                image=image,
                camera=self.intrinsics.camera_for(width, height),
                stamp_ns=stamp_ns_of(header),
                frame_id=header.frame_id,
                world_from_camera=self.poses.lookup(header) if self.poses else None,
            )
        )

    def _take(self, message: Any) -> None:
        self.host.counts.count("received")
        self.host.submit(message)
