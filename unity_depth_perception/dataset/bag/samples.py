"""Samples of a bag: every image in order, with its camera, pose and truth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.bag.cursor import MessageCursor
from unity_depth_perception.dataset.bag.index import IndexedFrame, MessageKey, index_bag
from unity_depth_perception.dataset.bag.reader import BagReader, RawMessage
from unity_depth_perception.dataset.bag.topics import GUESSED, TopicNames, find_topics
from unity_depth_perception.dataset.messages.color_images import decode_rgb
from unity_depth_perception.dataset.messages.depth import depth_of
from unity_depth_perception.dataset.messages.images import INSTANCE_ENCODINGS, single_channel_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.dataset.pairing.camera_poses import PoseBuffer
from unity_depth_perception.dataset.pairing.intrinsics import IntrinsicsSelector
from unity_depth_perception.dataset.pairing.tf_tree import TfTree
from unity_depth_perception.dataset.sample import Sample

RECTIFIED = ("auto", "true", "false")


@dataclass(frozen=True)
class BagOptions:
    """How a bag is read; the names and defaults are those of the nodes' parameters.

    Attributes:
        topics: those that are not guessed.
        rectified: whether the pictures are rectified: auto (a topic with `rect` in its name), true, false.
        world_frame: fixed frame with z up, for poses from tf; empty: from the pose topic.
        pose_tolerance_s: how far the stamp of a pose may lie from that of its image [s].
        intrinsics: camera_intrinsics.json, for images without camera_info.
        vertical_fov_deg: or their vertical field of view [deg].
    """

    topics: TopicNames = GUESSED
    rectified: str = "auto"
    world_frame: str = ""
    pose_tolerance_s: float = 0.05
    intrinsics: Path | None = None
    vertical_fov_deg: float | None = None

    def __post_init__(self) -> None:
        if self.rectified not in RECTIFIED:
            raise ConfigurationError(f"expected rectified as {', '.join(RECTIFIED)}; got {self.rectified!r}")


_AS_RECORDED = BagOptions()


class BagDataset:
    """The images of a bag, each read on access; quick where they are read in order.

    Attributes:
        path: of the bag.
        names: `00000.png`, ... by number.
        categories: of the true objects.
        topics: the topics in use.
        counts: how images were paired; see `BagIndex`.
        problems: the first message of each topic that could not be used; see `BagIndex`.
    """

    def __init__(self, path: str | Path, options: BagOptions = _AS_RECORDED) -> None:
        """Read the bag once, to pair its messages.

        Raises:
            DatasetError: it is damaged, a topic is missing, or there are several cameras, or no intrinsics.
            CameraError: the intrinsics file is missing or wrong.
        """
        self.path = Path(path)
        self._intrinsics = IntrinsicsSelector(str(options.intrinsics or ""), options.vertical_fov_deg or 0.0)
        self._bag = BagReader(self.path)
        try:
            self.topics = find_topics(self._bag, options.topics)
            if not (self.topics.camera_info or options.intrinsics or options.vertical_fov_deg):
                raise DatasetError(
                    f"{self.path}: no camera_info belongs to {self.topics.image}: name its topic "
                    "(--camera-info-topic), or give the camera (--intrinsics FILE or --vertical-fov DEG)"
                )
            is_rectified = options.rectified == "true" or (
                options.rectified == "auto" and "rect" in self.topics.image.rpartition("/")[2]
            )
            tolerance_ns = round(options.pose_tolerance_s * 1e9)
            poses = TfTree(options.world_frame, tolerance_ns) if options.world_frame else PoseBuffer(tolerance_ns)
            index = index_bag(self._bag, self.topics, is_rectified, poses)
        except BaseException:
            self._bag.close()
            raise
        self._frames = index.frames
        self.categories, self.counts, self.problems = index.categories, index.counts, index.problems
        self.names = tuple(f"{number:05d}.png" for number in range(len(self._frames)))
        last_use = {key: number for number, frame in enumerate(self._frames) for key in _keys(frame)}
        topics = {key.topic for key in last_use}
        self._cursor = MessageCursor(self._bag, topics, last_use)

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Sample]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """Read one image with its truth.

        Raises:
            IndexError: `index` is out of range.
            InputError: a message cannot be used.
        """
        frame = self._frames[index]
        parse = partial(self._parse, self._cursor.fetch(index, _keys(frame)))
        image = decode_rgb(parse(frame.image))
        height, width = image.shape[:2]
        intrinsics = self._intrinsics.of_image(width, height, frame.info)
        truth = {role: parse(key) for role, key in frame.truths.items()}
        objects: tuple[ObjectDistance, ...] = objects_of(truth["objects"]) if "objects" in truth else ()
        has_masks = "instances" in truth and "objects" in truth  # masks without categories are of unknown objects
        return Sample(
            name=self.names[index],
            image=image,
            camera=intrinsics.camera,
            lens=intrinsics.lens,
            objects=objects,
            depth_m=depth_of(truth["depth"]).numpy() if "depth" in truth else None,
            instances=single_channel_of(truth["instances"], INSTANCE_ENCODINGS).astype("uint16") if has_masks else None,
            world_from_camera=frame.world_from_camera,
            stamp_ns=frame.stamp_ns,
            frame_id=str(frame.header.frame_id),
        )

    def size(self, index: int) -> tuple[int, int]:
        """Width and height [px] of an image, which is read for it."""
        camera: Camera = self[index].camera
        return camera.width, camera.height

    def fingerprint(self, index: int) -> str:
        """Hash of the messages of a sample, and of its camera and pose."""
        frame = self._frames[index]
        messages = self._cursor.fetch(index, _keys(frame))
        digest = hashlib.sha256(repr((frame.info, frame.world_from_camera)).encode())
        for key in _keys(frame):
            digest.update(hashlib.sha256(messages[key].data).digest())
        return digest.hexdigest()[:32]

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def _parse(self, messages: dict[MessageKey, RawMessage], key: MessageKey) -> Any:
        return self._bag.parse(messages[key])


def _keys(frame: IndexedFrame) -> tuple[MessageKey, ...]:
    return (frame.image, *(frame.truths[role] for role in sorted(frame.truths)))
