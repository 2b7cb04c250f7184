"""Conversion of a sample to the messages of a Unity camera and to ground-truth messages."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.conversions.camera_info import camera_info_message, pose_message
from unity_depth_perception.ros.conversions.images import byte_array, depth_message, image_message
from unity_depth_perception.ros.conversions.objects_and_clouds import objects_message

TRUTH = "truth"  # in place of the model names of an ObjectDistanceArray

_FROM_RGB = {
    "rgb8": None,
    "rgba8": cv2.COLOR_RGB2RGBA,
    "bgr8": cv2.COLOR_RGB2BGR,
    "bgra8": cv2.COLOR_RGB2BGRA,
}


class ImageFormat(NamedTuple):
    """Format in which virtual Unity sends its image."""

    encoding: str = "rgb8"  # of raw images; compressed ones are JPEG
    compressed: bool = False
    flip_vertical: bool = False  # bottom row first, as in a Unity texture


class SampleMessages(NamedTuple):
    """The messages of one sample, one per topic of virtual Unity; None where the sample has no such data."""

    camera_info: CameraInfo
    camera_pose: PoseStamped | None
    objects: ObjectDistanceArray
    image: Image | CompressedImage
    depth: Image | None
    instances: Image | None

    def stamp(self, header: Header) -> None:
        """Set the header of all messages."""
        for message in self:
            if message is not None:
                message.header = header


def sample_messages(sample: Sample, image_format: ImageFormat = ImageFormat()) -> SampleMessages:  # noqa: B008 - it is immutable
    """Convert a sample to messages without stamps; call `SampleMessages.stamp` before publishing."""
    header, pose = Header(), sample.world_from_camera
    depth, instances = sample.depth_m, sample.instances
    return SampleMessages(
        camera_info=camera_info_message(header, sample.camera),
        camera_pose=None if pose is None else PoseStamped(pose=pose_message(np.asarray(pose))),
        objects=objects_message(header, sample.objects, TRUTH, TRUTH),
        image=_image(header, sample.image, image_format),
        depth=None if depth is None else depth_message(header, torch.from_numpy(depth), "32FC1"),
        instances=None if instances is None else image_message(header, instances, "16UC1"),
    )


def _image(header: Header, rgb: NDArray[np.uint8], image_format: ImageFormat) -> Any:
    pixels = rgb[::-1] if image_format.flip_vertical else rgb
    if image_format.compressed:
        _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return CompressedImage(header=header, format="jpeg", data=byte_array(data))
    code = _FROM_RGB[image_format.encoding]
    return image_message(header, pixels if code is None else cv2.cvtColor(pixels, code), image_format.encoding)
