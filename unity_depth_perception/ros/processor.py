"""One image message through conversion, pipeline and publication."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.pipeline import Frame, PerceptionPipeline
from unity_depth_perception.ros.cameras import Intrinsics, matrix_of
from unity_depth_perception.ros.diagnostics import FrameCounts
from unity_depth_perception.ros.images import rgb_of
from unity_depth_perception.ros.outputs import ResultPublishers
from unity_depth_perception.ros.results import stamp_ns_of


class Arrival(NamedTuple):
    """An image message and when it arrived, on the clock of `time.perf_counter` (stamps are Unity's own time)."""

    message: Image
    arrived_s: float


class PoseBuffer:
    """Camera poses by stamp: an image is paired with the pose of its own stamp or with none."""

    def __init__(self, size: int = 100) -> None:
        self._size = size
        self._poses: OrderedDict[int, NDArray[np.float64]] = OrderedDict()

    def update(self, message: PoseStamped) -> None:
        """Remember a pose.

        Raises:
            InputError: it is not finite or its quaternion is zero.
        """
        stamp_ns = stamp_ns_of(message.header)
        self._poses[stamp_ns] = matrix_of(message.pose)
        self._poses.move_to_end(stamp_ns)
        while len(self._poses) > self._size:
            self._poses.popitem(last=False)

    def at(self, stamp_ns: int) -> NDArray[np.float64] | None:
        """world_from_camera (4, 4) of this stamp, if it is known."""
        return self._poses.get(stamp_ns)


class FrameProcessor:
    """What the worker thread does with an image."""

    def __init__(
        self,
        pipeline: PerceptionPipeline,
        intrinsics: Intrinsics,
        poses: PoseBuffer,
        publishers: ResultPublishers,
        counts: FrameCounts,
    ) -> None:
        self._pipeline = pipeline
        self._intrinsics = intrinsics
        self._poses = poses
        self._publishers = publishers
        self._counts = counts

    def __call__(self, arrival: Arrival) -> None:
        """Process and publish one frame, or leave it if nobody listens.

        Raises:
            PerceptionError: the message or its camera cannot be used.
        """
        if not self._publishers.watched:
            self._counts.count("unwatched")
            return
        start_s = time.perf_counter()
        frame = self._frame(arrival.message)
        converted_s = time.perf_counter()
        result = self._pipeline.process(frame)
        computed_s = time.perf_counter()
        self._publishers.publish(result)
        end_s = time.perf_counter()
        self._counts.count("processed")
        self._counts.took(
            {"wait": start_s - arrival.arrived_s, "convert": converted_s - start_s}
            | result.stage_s
            | {"publish": end_s - computed_s, "latency": end_s - arrival.arrived_s}
        )

    def _frame(self, message: Image) -> Frame:
        image = rgb_of(message)
        stamp_ns = stamp_ns_of(message.header)
        return Frame(
            image=image,
            camera=self._intrinsics.camera_for(message.width, message.height),
            stamp_ns=stamp_ns,
            frame_id=message.header.frame_id,
            world_from_camera=self._poses.at(stamp_ns),
        )


def warm_up(pipeline: PerceptionPipeline) -> None:
    """Run one blank frame, so that the first real one does not wait for lazy initialisation."""
    camera = Camera.from_vertical_fov(1.0, 640, 480)
    pipeline.process(Frame(np.zeros((camera.height, camera.width, 3), dtype=np.uint8), camera))
