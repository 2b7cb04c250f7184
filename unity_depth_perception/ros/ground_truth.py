"""A rendered sample as the messages that Unity would send, with its ground truth beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.cameras import camera_info_message, pose_message
from unity_depth_perception.ros.images import depth_message, image_message
from unity_depth_perception.ros.results import objects_message

TRUTH = "truth"  # stands where a model's name stands in results


class SampleMessages(NamedTuple):
    """One message per topic of the virtual camera."""

    camera_info: CameraInfo
    camera_pose: PoseStamped
    objects: ObjectDistanceArray
    image: Image
    depth: Image
    instances: Image

    def stamp(self, header: Header) -> None:
        """Give all of them this header."""
        for message in self:
            message.header = header


def sample_messages(sample: Sample) -> SampleMessages:
    """The messages of a sample with complete ground truth; `stamp` them before they are published.

    Raises:
        DatasetError: depth, instances or pose is missing.
    """
    if sample.depth_m is None or sample.instances is None or sample.world_from_camera is None:
        raise DatasetError(f"{sample.name}: expected depth, instances and a camera pose with the image")
    header = Header()
    return SampleMessages(
        camera_info=camera_info_message(header, sample.camera),
        camera_pose=PoseStamped(pose=pose_message(np.asarray(sample.world_from_camera))),
        objects=objects_message(header, sample.objects, TRUTH, TRUTH),
        image=image_message(header, sample.image, "rgb8"),
        depth=depth_message(header, torch.from_numpy(sample.depth_m), "32FC1"),
        instances=image_message(header, sample.instances, "16UC1"),
    )
