"""Frames from a depth image, an instance image and its label_info, published by any other node or simulator."""

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
from unity_depth_perception.ros.conversions.headers import stamp_ns_of
from unity_depth_perception.ros.conversions.images import single_channel_of
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.inputs.sources import FrameSource, Host
from unity_depth_perception.ros.inputs.stamp_sync import StampSynchronizer

DEPTH, INSTANCES, LABELS = "depth/image_rect", "objects/instances", "objects/label_info"
_UNNAMED = "unknown"  # category of an instance value that label_info does not name


class DepthInstancesSource(FrameSource):
    """Synchronises depth image, instance image and label_info by stamp; a frame has no colour image.

    A label_info with stamp 0 holds for all frames. The frame has the depth image's stamp and frame_id.
    """

    camera_info_topic = "depth/camera_info"

    def __init__(self, host: Host) -> None:
        """Reads the intrinsics file; subscribes to nothing before `listen`.

        Raises:
            PerceptionError: the file is missing or wrong, or world_frame is set and tf2_ros is not installed.
        """
        super().__init__(host)
        tolerance_ns = round(host.config.sync_tolerance_s * 1e9)
        self._synchronizer = StampSynchronizer((DEPTH, INSTANCES, LABELS), tolerance_ns, self._report_unmatched)
        self._constant_labels: LabelInfo | None = None

    def subscribe_frames(self) -> None:
        """Subscribe to depth, instances and label_info; each depth image counts as one frame received."""
        self.subscribe(Image, DEPTH, self._take_depth)
        self.subscribe(Image, INSTANCES, lambda message: self._take(INSTANCES, message))
        self.subscribe(LabelInfo, LABELS, self._take_labels)

    def read(self, messages: Any) -> FrameInput:
        """Convert messages of one stamp (depth, instances, label_info) to a frame with depth and segmentation.

        Raises:
            PerceptionError: an image cannot be read, or the images differ in size, or the camera does not fit them.
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
            image=None,  # distance_node has no output that needs one
            camera=self.intrinsics.camera_for(width, height),
            stamp_ns=stamp_ns_of(header),
            frame_id=header.frame_id,
            world_from_camera=self.poses.lookup(header) if self.poses else None,
        )
        scatter = self.host.config.depth_scatter
        depth_prediction = DepthPrediction(depth_m, is_metric=True, scatter_ratio=scatter, scale_source="given")
        return FrameInput(frame, depth_prediction, _segmentation_of(instances, labels))

    def _take_depth(self, message: Image) -> None:
        self.host.counts.count("received")
        self._take(DEPTH, message)

    def _take_labels(self, message: LabelInfo) -> None:
        if stamp_ns_of(message.header) == 0:
            self._constant_labels = message
        self._take(LABELS, message)

    def _take(self, topic: str, message: Any) -> None:
        needed = (DEPTH, INSTANCES) if self._constant_labels is not None else (DEPTH, INSTANCES, LABELS)
        frame = self._synchronizer.add(topic, stamp_ns_of(message.header), message, needed)
        if frame is not None:
            self._submit(frame)

    def _submit(self, frame: Mapping[str, Any]) -> None:
        self.host.submit((frame[DEPTH], frame[INSTANCES], frame.get(LABELS, self._constant_labels)))

    def _report_unmatched(self, topic: str, stamp_ns: int) -> None:
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
    """Instances renumbered 1, 2, 3, ...; the category of each is what label_info names its original value."""
    instances, values = relabel_sequential(torch.from_numpy(_integers_of(message)))
    names = {item.class_id: item.class_name for item in labels.class_map}
    categories = tuple(names.get(value, _UNNAMED) for value in values)
    return Segmentation(instances, categories, (1.0,) * len(values))


def _integers_of(message: Image) -> Any:
    pixels = single_channel_of(message)
    if pixels.dtype != np.uint16:
        raise ImageError(f"expected an instance image of 16UC1 or mono16, got {message.encoding!r}")
    return pixels.astype(np.int32)
