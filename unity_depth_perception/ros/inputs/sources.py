"""Base of the sources of frames: subscriptions of a node, and pairing of frames with camera_info and pose."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from unity_depth_perception.core.errors import PerceptionError, PoseError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.pairing.camera_poses import PoseBuffer
from unity_depth_perception.dataset.pairing.frame_pairing import FramePair, FramePairing
from unity_depth_perception.dataset.pairing.intrinsics import IntrinsicsSelector
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement
from unity_depth_perception.ros.inputs.camera_poses import TfPoseLookup
from unity_depth_perception.ros.inputs.frame_input import FrameInput
from unity_depth_perception.ros.inputs.host import Host
from unity_depth_perception.ros.parameters.node_tables import PoseConfig
from unity_depth_perception.ros.topics.qos import QosMatchingSubscription
from unity_depth_perception.ros.topics.transforms import BODY_FROM_OPTICAL, CameraTransforms, body_frame_of

_TF_POLL_S = 0.005


class FrameSource(ABC):
    """Subscribes to camera_info and, if the node has pose parameters, to poses; subclasses add the frames themselves.

    The first of `subscriptions` is the topic whose messages count as frames received. Each frame is paired with its own
    camera_info and pose before it goes to the worker.

    Attributes:
        frame_id: optical frame of the last frame.
        transforms: tf of the camera; None where the node has no pose, or takes it from tf.
        problems: by topic, why its last message was refused, or what makes its messages doubtful.
    """

    camera_info_topic = "camera_info"
    frame_topic = "image_raw"
    is_joined_by_stamp = False  # whether a frame is made of several messages

    def __init__(self, host: Host) -> None:
        """Reads the intrinsics file; subscribes to nothing before `listen`.

        Raises:
            PerceptionError: the file is missing or wrong, or world_frame is set and tf2_ros is not installed.
        """
        self.host = host
        config = host.config
        self.intrinsics = IntrinsicsSelector(config.camera_intrinsics_file, config.vertical_fov_deg)
        self.subscriptions: list[QosMatchingSubscription] = []
        self.problems: dict[str, str] = {}
        self.poses: PoseBuffer | TfPoseLookup | None = None
        self.transforms: CameraTransforms | None = None
        self.frame_id = config.frame_id
        if isinstance(config, PoseConfig):
            tolerance_ns = round(config.pose_tolerance_s * 1e9)
            tf = config.world_frame
            self.poses = TfPoseLookup(tf, tolerance_ns) if tf else PoseBuffer(tolerance_ns)
            if not tf:  # else tf is somebody else's
                self.transforms = CameraTransforms(host, config.publish_tf, config.pose_frame)
        self._pairing = FramePairing(host.submit, host.counts.count, self.poses)
        self._timer: Timer | None = None
        self._last_stamp_ns = -1

    def listen(self) -> None:
        """Create all subscriptions."""
        # On a steady clock: simulated time may stand still.
        self._timer = self.host.create_timer(1.0, self._expire, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timer.cancel()
        self.subscribe_frames()
        self.subscribe(CameraInfo, self.camera_info_topic, self._take_camera_info)
        if isinstance(self.poses, PoseBuffer):
            self.subscribe(PoseStamped, "camera_pose", self._take_pose)
        elif self.poses is not None:
            self.poses.listen(self.host)
        if self.transforms is not None:
            self.transforms.listen()

    def close(self) -> None:
        """Destroy all subscriptions; frames that wait for their camera_info or pose are dropped."""
        for subscription in self.subscriptions:
            subscription.close()
        self.subscriptions = []
        if self._timer is not None:
            self.host.destroy_timer(self._timer)
            self._timer = None
        if isinstance(self.poses, TfPoseLookup):
            self.poses.close()
        if self.transforms is not None:
            self.transforms.close()
        for _ in range(self._pairing.clear()):
            self.host.counts.count("dropped")

    @abstractmethod
    def subscribe_frames(self) -> None:
        """Subscribe to the topics that frames are made from."""

    @abstractmethod
    def read(self, pair: FramePair) -> FrameInput:
        """Convert what was given to `Host.submit` to input of the pipeline; called in the worker thread.

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
                self.problems.pop(topic, None)
            except PerceptionError as error:
                self.problems[topic] = f"{topic} refused: {error}"
                self.host.refuse("refused inputs", error)

        subscription = QosMatchingSubscription(
            self.host, message_type, topic, guarded, self.host.mismatches, reliability
        )
        if not self.subscriptions:  # of frames
            subscription.on_lost = lambda count: self.host.counts.count("lost", count)
        self.subscriptions.append(subscription)

    def pause(self) -> None:
        """Unsubscribe from images, which cost the network time; everything else is still received."""
        for subscription in self.subscriptions:
            if subscription.message_type in (Image, CompressedImage):
                subscription.pause()

    def resume(self) -> None:
        """Subscribe to images again."""
        for subscription in self.subscriptions:
            subscription.resume()

    @property
    def is_paused(self) -> bool:
        """Whether images are not subscribed to."""
        return bool(self.subscriptions) and self.subscriptions[0].is_paused

    def pair(self, header: Header, messages: Any, width: int, height: int) -> None:
        """Hand a frame of width x height px (0 x 0: unknown) on as soon as it has its camera_info and pose."""
        self._check_stamp(stamp_ns_of(header))
        self.frame_id = self.frame_id_of(header)
        if self.transforms is not None:
            self.transforms.publish(Header(stamp=header.stamp, frame_id=self.frame_id), None)
        self._pairing.add_frame(header, messages, lambda info: _fits(info, width, height), time.monotonic())
        self._schedule()

    @property
    def is_rectified(self) -> bool:
        """Whether the pictures are rectified: as the parameter says, or a topic with `rect` in its name."""
        choice = self.host.config.rectified
        if choice != "auto":
            return bool(choice == "true")
        return "rect" in self.host.resolve_topic_name(self.frame_topic).rpartition("/")[2]

    @property
    def class_ids(self) -> Mapping[str, str]:
        """The class map that came with the frames; empty: none came."""
        return {}

    def frame_id_of(self, header: Header) -> str:
        """The optical frame of a frame's results: parameter frame_id, else that of its header."""
        return str(self.host.config.frame_id or header.frame_id)

    def placement_of(self, header: Header, pose: Any) -> Placement:
        """Where boxes, positions and cloud of a frame are expressed (parameter target_frame).

        Raises:
            PoseError: the pose in that frame is not known at the frame's stamp.
        """
        config = self.host.config
        target = config.target_frame if isinstance(config, PoseConfig) else ""
        if target in ("", self.frame_id_of(header)):
            return OPTICAL
        if target == body_frame_of(self.frame_id_of(header)):
            return Placement(target, BODY_FROM_OPTICAL)
        world = config.world_frame or config.pose_frame
        if target != world:
            raise PoseError(
                f"parameter target_frame: expected {world} or {body_frame_of(self.frame_id_of(header))}, got {target!r}"
            )
        if pose is None:
            raise PoseError(f"target_frame {target!r}: no camera pose at the image's stamp")
        return Placement(target, pose)

    def _take_camera_info(self, message: CameraInfo) -> None:
        info = self.intrinsics.update(message, self.is_rectified)
        self._pairing.add_info(stamp_ns_of(message.header), info, time.monotonic())
        self._schedule()

    def _take_pose(self, message: PoseStamped) -> None:
        if isinstance(self.poses, PoseBuffer):
            try:
                pose = self.poses.update(message)
            except PerceptionError:
                self.host.counts.count("poses refused")
                raise
            if self.transforms is not None:
                self.transforms.publish(Header(stamp=message.header.stamp, frame_id=self.frame_id), pose)
        self._expire()

    def _expire(self) -> None:
        self._pairing.expire(time.monotonic())
        self._schedule()

    def _schedule(self) -> None:
        """Set the timer to the deadline of the frame that waits; tf tells nobody of a transform, so it is polled."""
        if self._timer is None:
            return
        deadline_s = self._pairing.deadline_s
        if deadline_s is None:
            self._timer.cancel()
            return
        wait_s = max(deadline_s - time.monotonic(), 1e-4)
        if isinstance(self.poses, TfPoseLookup):
            wait_s = min(wait_s, _TF_POLL_S)
        self._timer.timer_period_ns = round(wait_s * 1e9)
        self._timer.reset()

    def _check_stamp(self, stamp_ns: int) -> None:
        """Note stamps that are zero or do not advance: what belongs to such a frame is not known for certain."""
        repeated = stamp_ns == 0 or stamp_ns == self._last_stamp_ns
        if repeated:
            self.host.counts.count("repeated stamps")
        elif stamp_ns < self._last_stamp_ns:
            self.host.counts.count("stamps going back")
        self._last_stamp_ns = stamp_ns
        if repeated and self.is_joined_by_stamp:
            self.problems["stamps"] = (
                f"stamps of {self.frame_topic} do not advance (last {stamp_ns / 1e9:.9f} s): which depth, instances "
                "and categories belong together is not certain; fill the stamps in"
            )
        else:
            self.problems.pop("stamps", None)


def _fits(info: Any, width: int, height: int) -> bool:
    return width == 0 or bool(info.camera.has_proportions(width, height))
