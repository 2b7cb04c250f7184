"""Index of a bag: which messages belong to each image, by the rules of the nodes; pixels are not kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError, InputError
from unity_depth_perception.dataset.bag.reader import BagReader, RawMessage
from unity_depth_perception.dataset.bag.topics import TopicNames
from unity_depth_perception.dataset.messages.camera_info import Intrinsics, intrinsics_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.pairing.camera_poses import PoseBuffer
from unity_depth_perception.dataset.pairing.frame_pairing import PATIENCE_S, FramePair, FramePairing
from unity_depth_perception.dataset.pairing.tf_tree import TfTree

TF_TOPICS = ("/tf", "/tf_static")
_TRUTHS = ("depth", "instances", "objects")


class MessageKey(NamedTuple):
    """Finds a message again: the `number`-th on its topic of those received at one time [ns]."""

    received_ns: int
    topic: str
    number: int


class MessageNumbers:
    """Keys of messages that are read one after the other."""

    def __init__(self) -> None:
        self._last: dict[str, MessageKey] = {}

    def key_of(self, message: RawMessage) -> MessageKey:
        """The key of the next message."""
        last = self._last.get(message.topic)
        number = last.number + 1 if last is not None and last.received_ns == message.received_ns else 0
        self._last[message.topic] = MessageKey(message.received_ns, message.topic, number)
        return self._last[message.topic]

    def has_passed(self, key: MessageKey) -> bool:
        """Whether a message has been read, or one after it on its topic."""
        last = self._last.get(key.topic)
        return last is not None and last >= key


@dataclass(frozen=True)
class IndexedFrame:
    """An image of a bag and what belongs to it.

    Attributes:
        image: its message.
        header: of the image.
        info: what its camera_info holds; None: there is none.
        world_from_camera: (4, 4) pose; None: not known.
        truths: messages of depth, instances and objects, those that there are.
    """

    image: MessageKey
    header: Any
    info: Intrinsics | None
    world_from_camera: NDArray[np.float64] | None
    truths: dict[str, MessageKey]

    @property
    def stamp_ns(self) -> int:
        """Stamp of the image [ns]."""
        return stamp_ns_of(self.header)


@dataclass(frozen=True)
class BagIndex:
    """All images of a bag, in order.

    Attributes:
        frames: the images.
        categories: of the true objects, sorted.
        counts: how images were paired, as the node's diagnostics name it, and stamps that are doubtful.
        problems: the first message of each topic that could not be used, in words.
    """

    frames: tuple[IndexedFrame, ...]
    categories: tuple[str, ...]
    counts: dict[str, int]
    problems: dict[str, str]


class _Image(NamedTuple):
    key: MessageKey
    header: Any
    width: int  # 0: unknown before it is decoded
    height: int


class _Indexer:
    """Pairs the messages of a bag as they come."""

    def __init__(self, bag: BagReader, topics: TopicNames, is_rectified: bool, poses: PoseBuffer | TfTree) -> None:
        self._bag = bag
        self._roles = {getattr(topics, role): role for role in ("image", "camera_info", "pose", *_TRUTHS)}
        self._is_rectified = is_rectified
        self._poses = poses
        self._numbers = MessageNumbers()
        self._truths: dict[str, dict[int, list[MessageKey]]] = {role: {} for role in _TRUTHS}
        self._first_infos: list[Intrinsics] = []
        self._paired: list[FramePair] = []
        self._last_stamp_ns = -1
        self.counts: Counter[str] = Counter()
        self.categories: set[str] = set()
        self.problems: dict[str, str] = {}
        uses_poses = isinstance(poses, TfTree) or bool(topics.pose)
        self._pairing = FramePairing(self._paired.append, self._count, poses if uses_poses else None, PATIENCE_S)

    def take(self, message: RawMessage) -> None:
        """Add the next message; one that cannot be used is counted."""
        now_s = message.received_ns / 1e9
        while (deadline_s := self._pairing.deadline_s) is not None and deadline_s <= now_s:
            self._pairing.expire(deadline_s)
        key, role = self._numbers.key_of(message), self._roles.get(message.topic, "tf")
        try:
            if role == "image":
                self._take_image(message, key, now_s)
            elif role == "camera_info":
                info = intrinsics_of(self._bag.parse(message), self._is_rectified)
                self._first_infos += [info][len(self._first_infos) :]
                self._pairing.add_info(message.stamp_ns, info, now_s)
            elif role in self._truths:
                self._truths[role].setdefault(message.stamp_ns, []).append(key)
                if role == "objects":
                    self.categories |= {item.category for item in self._bag.parse(message).objects}
            else:
                self._take_pose(message)
                self._pairing.expire(now_s)
        except InputError as error:
            self.counts["poses refused" if role in ("pose", "tf") else "refused inputs"] += 1
            self.problems.setdefault(message.topic, str(error))

    def frames(self) -> tuple[IndexedFrame, ...]:
        """The images that were taken, each with its truth: that of its stamp, of several the nearest in the bag."""
        self._pairing.expire(float("inf"))
        frames = []
        for image, info, pose in self._paired:
            key, header, width, height = image
            first = (i for i in self._first_infos if width == 0 or i.camera.has_proportions(width, height))
            frames.append(IndexedFrame(key, header, info or next(first, None), pose, self._truths_of(key, header)))
        return tuple(frames)

    def _truths_of(self, image: MessageKey, header: Any) -> dict[str, MessageKey]:
        stamp_ns = stamp_ns_of(header)
        found = {role: keys[stamp_ns] for role, keys in self._truths.items() if stamp_ns and stamp_ns in keys}
        return {
            role: min(keys, key=lambda key: abs(key.received_ns - image.received_ns)) for role, keys in found.items()
        }

    def _take_image(self, message: RawMessage, key: MessageKey, now_s: float) -> None:
        image = self._bag.parse(message)
        stamp_ns = stamp_ns_of(image.header)
        if stamp_ns in (0, self._last_stamp_ns):
            self.counts["repeated stamps"] += 1
        elif stamp_ns < self._last_stamp_ns:
            self.counts["stamps going back"] += 1
        self._last_stamp_ns = stamp_ns
        width, height = getattr(image, "width", 0), getattr(image, "height", 0)
        self._pairing.add_frame(
            image.header,
            _Image(key, image.header, width, height),
            lambda info: width == 0 or bool(info.camera.has_proportions(width, height)),
            now_s,
        )

    def _take_pose(self, message: RawMessage) -> None:
        if isinstance(self._poses, PoseBuffer):
            self._poses.update(self._bag.parse(message))
        else:
            self._poses.update(self._bag.parse(message).transforms, message.topic == "/tf_static")

    def _count(self, name: str) -> None:
        self.counts[name] += 1


def index_bag(bag: BagReader, topics: TopicNames, is_rectified: bool, poses: PoseBuffer | TfTree) -> BagIndex:
    """Read a bag once and pair its images with camera_info, pose and truth.

    camera_info and pose are paired as the nodes do it (`FramePairing`), with the times of the recorder for a clock. An
    image before the first camera_info gets that one. Truth has the stamp of its image exactly; stamp 0 is no stamp.

    Raises:
        DatasetError: the bag is damaged, or has no image.
    """
    indexer = _Indexer(bag, topics, is_rectified, poses)
    for message in bag.messages(topics.known if isinstance(poses, PoseBuffer) else (*topics.known, *TF_TOPICS)):
        indexer.take(message)
    frames = indexer.frames()
    if not frames:
        reason = next(iter(indexer.problems.values()), "there is none")
        raise DatasetError(f"{bag.path}: expected images on {topics.image}: {reason}")
    return BagIndex(frames, tuple(sorted(indexer.categories)), dict(sorted(indexer.counts.items())), indexer.problems)
