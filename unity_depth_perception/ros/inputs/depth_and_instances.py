"""Frames from a depth image, an instance image and the categories of its instances, published by any other node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, LabelInfo

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.dataset.messages.depth import depth_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import INSTANCE_ENCODINGS, single_channel_of
from unity_depth_perception.dataset.pairing.frame_pairing import FramePair
from unity_depth_perception.dataset.pairing.stamp_history import StampHistory
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.ops.instance_images import relabel_sequential
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.detections import class_names_of, instance_classes
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.inputs.host import Host
from unity_depth_perception.ros.inputs.sources import FrameSource
from unity_depth_perception.ros.inputs.stamp_sync import StampSynchronizer

DEPTH, INSTANCES, CLASSES = "depth/image_rect", "objects/instances", "objects/label_info"
DETECTIONS, TABLE = "objects/detections_2d", "objects/instance_labels"
_16_BITS = 2**16


class DepthInstancesSource(FrameSource):
    """Synchronises depth image, instance image and the categories of its values by stamp; a frame has no colour image.

    The categories come from detections_2d (the k-th detection is value k; label_info, the class map, names the classes)
    or from a simulator's own table of values on instance_labels. A table with stamp 0 holds for all frames. The frame
    has the depth image's stamp and frame_id.
    """

    camera_info_topic = "depth/camera_info"
    frame_topic = DEPTH
    is_joined_by_stamp = True

    def __init__(self, host: Host) -> None:
        """Reads the intrinsics file; subscribes to nothing before `listen`.

        Raises:
            PerceptionError: the file is missing or wrong, or world_frame is set and tf2_ros is not installed.
        """
        super().__init__(host)
        tolerance_ns = round(host.config.sync_tolerance_s * 1e9)
        topics = (DEPTH, INSTANCES, DETECTIONS, TABLE)
        self._synchronizer = StampSynchronizer(topics, tolerance_ns, self._report_unmatched)
        self._tables: dict[str, StampHistory[Any]] = {topic: StampHistory() for topic in (DETECTIONS, TABLE)}
        self._constant_table: LabelInfo | None = None
        self._constant_changes = False  # tables of stamp 0 differ: each is of one frame
        self._since_table = 0  # frames that the constant table was taken for since it arrived
        self._classes: Mapping[str, str] = {}

    def subscribe_frames(self) -> None:
        """Subscribe to depth, instances and categories; each depth image counts as one frame received."""
        self.subscribe(Image, DEPTH, self._take_depth)
        self.subscribe(Image, INSTANCES, lambda message: self._take(INSTANCES, message))
        self.subscribe(Detection2DArray, DETECTIONS, lambda message: self._take_table(DETECTIONS, message))
        self.subscribe(LabelInfo, TABLE, lambda message: self._take_table(TABLE, message))
        self.subscribe(LabelInfo, CLASSES, self._take_classes)

    def read(self, pair: FramePair) -> FrameInput:
        """Convert messages of one stamp (depth, instances, categories) to a frame with depth and segmentation.

        Raises:
            PerceptionError: an image cannot be read, or the images differ in size, or the camera does not fit them.
        """
        depth, instances, table = pair.messages
        depth_m = depth_of(depth)
        height, width = depth_m.shape
        if (instances.height, instances.width) != (height, width):
            raise ImageError(
                f"expected an instance image of {width} x {height} px like the depth image, "
                f"got {instances.width} x {instances.height}"
            )
        intrinsics = self.intrinsics.of_image(width, height, pair.info)
        if intrinsics.lens is not None:
            raise ImageError(
                "expected a rectified depth image, got depth/camera_info with distortion and rectified: false"
            )
        frame = Frame(
            image=None,  # distance_node has no output that needs one
            camera=intrinsics.camera,
            stamp_ns=stamp_ns_of(depth.header),
            frame_id=self.frame_id_of(depth.header),
            world_from_camera=pair.pose,
        )
        scatter = self.host.config.depth_scatter
        depth_prediction = DepthPrediction(depth_m, is_metric=True, scatter_ratio=scatter, scale_source="given")
        return FrameInput(
            frame,
            depth_prediction,
            _segmentation_of(instances, table, self._classes),
            self.placement_of(depth.header, pair.pose),
        )

    @property
    def class_ids(self) -> Mapping[str, str]:
        """The class map of label_info: names to keys."""
        return {name: key for key, name in self._classes.items()}

    def _take_depth(self, message: Image) -> None:
        self.host.counts.count("received")
        self._take(DEPTH, message)

    def _take_classes(self, message: LabelInfo) -> None:
        self._classes = class_names_of(message)

    def _take_table(self, topic: str, message: Any) -> None:
        stamp_ns = stamp_ns_of(message.header)
        known = self._tables[topic].exact(stamp_ns)
        self._tables[topic].add(stamp_ns, message)
        differs = known is not None and known != message
        is_late = False  # whether its frame has had the table before
        if topic == TABLE and stamp_ns == 0:
            is_late = differs and not self._constant_changes and self._since_table > 0
            self._constant_changes |= differs
            self._constant_table, self._since_table = message, 0
        if not is_late:
            self._take(topic, message)
        if differs:
            raise ImageError(
                f"two different messages of {topic} with one stamp, {stamp_ns / 1e9:.9f} s: which of them belongs to "
                "which instance image is not certain; fill the stamps in"
            )

    def _take(self, topic: str, message: Any) -> None:
        stamp_ns = stamp_ns_of(message.header)
        constant = None if stamp_ns == 0 and self._constant_changes else self._constant_table

        def is_complete(topics: Collection[str]) -> bool:
            named = constant is not None or DETECTIONS in topics or TABLE in topics
            return named and DEPTH in topics and INSTANCES in topics

        frame = self._synchronizer.add(topic, stamp_ns, message, is_complete)
        if frame is not None:
            depth = frame[DEPTH]
            table = frame.get(TABLE) or frame.get(DETECTIONS) or constant
            self._since_table += TABLE not in frame and table is constant
            self.pair(depth.header, (depth, frame[INSTANCES], table), depth.width, depth.height)

    def _report_unmatched(self, topic: str, stamp_ns: int) -> None:
        if topic == DEPTH:
            reason = (
                f"depth image with stamp {stamp_ns / 1e9:.9f} s: expected {INSTANCES}, and {DETECTIONS} or {TABLE}, "
                f"with the same stamp (or {TABLE} with stamp 0), got none; parameter sync_tolerance_s lets them differ"
            )
            self.host.refuse("refused", ImageError(reason))


def _segmentation_of(message: Image, table: LabelInfo | Detection2DArray, classes: Mapping[str, str]) -> Segmentation:
    """Instances renumbered 1, 2, 3, ..., with the category and score that the table gives each original value."""
    instances, values = _renumbered(single_channel_of(message, INSTANCE_ENCODINGS))
    named = instance_classes(table, values, classes)
    return Segmentation(instances, tuple(name for name, _ in named), tuple(score for _, score in named))


def _renumbered(pixels: NDArray[Any]) -> tuple[torch.Tensor, list[int]]:
    """Instances (H, W) int32 numbered 1, 2, 3, ..., and their original values."""
    least, most = int(pixels.min()), int(pixels.max())
    if least < 0:
        raise ImageError(f"expected instance values of 0 (background) and more, got {least}")
    values = np.arange(most + 1) if most < _16_BITS else np.unique(np.append(pixels, 0))  # sorting takes its time
    small = pixels if most < _16_BITS else np.searchsorted(values, pixels)
    instances, found = relabel_sequential(torch.from_numpy(small.astype(np.int32)))
    return instances, [int(values[number]) for number in found]
