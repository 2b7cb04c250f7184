"""A sample as the messages that Unity would send, with what is known of its ground truth beside them."""

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

TRUTH = "truth"  # stands where a model's name stands in results

_FROM_RGB = {
    "rgb8": None,
    "rgba8": cv2.COLOR_RGB2RGBA,
    "bgr8": cv2.COLOR_RGB2BGR,
    "bgra8": cv2.COLOR_RGB2BGRA,
}


class ImageFormat(NamedTuple):
    """How the camera sends its image."""

    encoding: str = "rgb8"  # of raw images
    compressed: bool = False
    flip_vertical: bool = False


class SampleMessages(NamedTuple):
    """One message per topic of the virtual camera; None where nothing is known."""

    camera_info: CameraInfo
    camera_pose: PoseStamped | None
    objects: ObjectDistanceArray
    image: Image | CompressedImage
    depth: Image | None
    instances: Image | None

    def stamp(self, header: Header) -> None:
        """Give all of them this header."""
        for message in self:
            if message is not None:
                message.header = header


def sample_messages(sample: Sample, form: ImageFormat = ImageFormat()) -> SampleMessages:  # noqa: B008 - it is immutable
    """The messages of a sample; `stamp` them before they are published."""
    header, pose = Header(), sample.world_from_camera
    depth, instances = sample.depth_m, sample.instances
    return SampleMessages(
        camera_info=camera_info_message(header, sample.camera),
        camera_pose=None if pose is None else PoseStamped(pose=pose_message(np.asarray(pose))),
        objects=objects_message(header, sample.objects, TRUTH, TRUTH),
        image=_image(header, sample.image, form),
        depth=None if depth is None else depth_message(header, torch.from_numpy(depth), "32FC1"),
        instances=None if instances is None else image_message(header, instances, "16UC1"),
    )


def _image(header: Header, rgb: NDArray[np.uint8], form: ImageFormat) -> Any:
    pixels = rgb[::-1] if form.flip_vertical else rgb
    if form.compressed:
        _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return CompressedImage(header=header, format="jpeg", data=byte_array(data))
    code = _FROM_RGB[form.encoding]
    return image_message(header, pixels if code is None else cv2.cvtColor(pixels, code), form.encoding)
