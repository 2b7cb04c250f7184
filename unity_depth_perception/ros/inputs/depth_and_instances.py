"""Frames made of a depth image, an instance image and the names of its values, whoever publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.ops.instance_images import relabel_sequential
from unity_depth_perception.ops.validity import from_millimetres, invalid_to_nan
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.images import single_channel_of
from unity_depth_perception.ros.conversions.objects_and_clouds import stamp_ns_of
from unity_depth_perception.ros.inputs.sources import Host, Source
from unity_depth_perception.ros.inputs.stamp_sync import StampPairing
from unity_depth_perception.ros.inputs.work import Work

DEPTH, INSTANCES, LABELS = "depth/image_rect", "objects/instances", "objects/label_info"
_UNNAMED = "unknown"  # category of a value that label_info does not name


class DepthInstancesSource(Source):
    """Depth and instances of one stamp; label_info of that stamp too, or one with stamp 0, which holds for all frames.

    The frame has the depth image's stamp and frame_id.
    """

    camera_info_topic = "depth/camera_info"

    def __init__(self, host: Host) -> None:
        """Reads the intrinsics file; subscribes to nothing yet.

        Raises:
            PerceptionError: the file is missing or wrong, or tf was asked for and is not installed.
        """
        super().__init__(host)
        tolerance_ns = round(host.config.sync_tolerance_s * 1e9)
        self._pairing = StampPairing((DEPTH, INSTANCES, LABELS), tolerance_ns, self._lost)
        self._standing: LabelInfo | None = None

    def subscribe_frames(self) -> None:
        """Subscribe to what makes a frame; depth images are what is counted."""
        self.subscribe(Image, DEPTH, self._take_depth)
        self.subscribe(Image, INSTANCES, lambda message: self._take(INSTANCES, message))
        self.subscribe(LabelInfo, LABELS, self._take_labels)

    def read(self, messages: Any) -> Work:
        """The frame of a pair, with its depth and instances.

        Raises:
            PerceptionError: an image cannot be read, or they do not fit each other or the camera.
        """
        depth, instances, labels = messages
        depth_m = _depth_of(depth)
        height, width = depth_m.shape
        if (instances.height, instances.width) != (height, width):
            raise ImageError(
                f"expected an instance image of {width} x {height} px like the depth image, "
                f"got {instances.width} x {instances.height}"
            )
        header: Header = depth.header
        frame = Frame(
            image=None,  # no output of this node shows a picture
            camera=self.intrinsics.camera_for(width, height),
            stamp_ns=stamp_ns_of(header),
            frame_id=header.frame_id,
            world_from_camera=self.poses.at(header) if self.poses else None,
        )
        given = DepthPrediction(depth_m, is_metric=True, scatter_ratio=self.host.config.depth_scatter)
        return Work(frame, given, _segmentation_of(instances, labels))

    def _take_depth(self, message: Image) -> None:
        self.host.counts.count("received")
        self._take(DEPTH, message)

    def _take_labels(self, message: LabelInfo) -> None:
        if stamp_ns_of(message.header) == 0:
            self._standing = message
        self._take(LABELS, message)

    def _take(self, topic: str, message: Any) -> None:
        needed = (DEPTH, INSTANCES) if self._standing is not None else (DEPTH, INSTANCES, LABELS)
        frame = self._pairing.add(topic, stamp_ns_of(message.header), message, needed)
        if frame is not None:
            self._offer(frame)

    def _offer(self, frame: Mapping[str, Any]) -> None:
        self.host.offer((frame[DEPTH], frame[INSTANCES], frame.get(LABELS, self._standing)))

    def _lost(self, topic: str, stamp_ns: int) -> None:
        if topic == DEPTH:
            reason = (
                f"depth image with stamp {stamp_ns / 1e9:.9f} s: expected {INSTANCES} and {LABELS} with the same stamp "
                "(or label_info with stamp 0), got none; parameter sync_tolerance_s lets them differ"
            )
            self.host.refuse("refused", ImageError(reason))


def _depth_of(message: Image) -> torch.Tensor:
    """(H, W) float32 [m], NaN where invalid."""
    pixels = single_channel_of(message)
    if pixels.dtype == np.uint16:
        return from_millimetres(torch.from_numpy(pixels.astype(np.int32)))
    return invalid_to_nan(torch.from_numpy(np.require(pixels, requirements=["C", "W"])))


def _segmentation_of(message: Image, labels: LabelInfo) -> Segmentation:
    """The instances, numbered without gaps, with the categories that label_info gives their values."""
    instances, values = relabel_sequential(torch.from_numpy(_integers_of(message)))
    names = {item.class_id: item.class_name for item in labels.class_map}
    categories = tuple(names.get(value, _UNNAMED) for value in values)
    return Segmentation(instances, categories, (1.0,) * len(values))


def _integers_of(message: Image) -> Any:
    pixels = single_channel_of(message)
    if pixels.dtype != np.uint16:
        raise ImageError(f"expected an instance image of 16UC1 or mono16, got {message.encoding!r}")
    return pixels.astype(np.int32)
