"""Frames from colour images, raw or compressed."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CompressedImage, Image

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.pairing.frame_pairing import FramePair
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.inputs.sources import FrameSource


class ImageSource(FrameSource):
    """Frames from colour images, raw or compressed."""

    def subscribe_frames(self) -> None:
        """Subscribe to image_raw; compressed images are at <remapped name>/compressed, as with image_transport."""
        config = self.host.config
        message_type, topic = Image, self.frame_topic
        if config.image_transport == "compressed":
            message_type, topic = CompressedImage, f"{self.host.resolve_topic_name(topic)}/compressed"
        self.subscribe(message_type, topic, self._take, config.image_reliability)

    def read(self, pair: FramePair) -> FrameInput:
        """Convert an image message to a frame.

        Raises:
            PerceptionError: the image or its camera cannot be used.
        """
        header = pair.messages.header
        config = self.host.config
        image = rgb_of(pair.messages, config.flip_vertical, config.max_image_pixels)
        height, width = image.shape[:2]
        intrinsics = self.intrinsics.of_image(width, height, pair.info)
        return FrameInput(
            Frame(
                image=image,
                camera=intrinsics.camera,
                lens=intrinsics.lens,
                stamp_ns=stamp_ns_of(header),
                frame_id=self.frame_id_of(header),
                world_from_camera=pair.pose,
            ),
            placement=self.placement_of(header, pair.pose),
        )

    def _take(self, message: Any) -> None:
        self.host.counts.count("received")
        size = (message.width, message.height) if isinstance(message, Image) else (0, 0)  # known once it is decoded
        self.pair(message.header, message, *size)
