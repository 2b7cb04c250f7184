"""Camera pose at the stamp of an image from recorded tf, as tf2 looks it up, without tf2."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.pose import interpolate_pose, matrix_from_pose
from unity_depth_perception.dataset.messages.headers import stamp_ns_of

Matrix = NDArray[np.float64]
_KEPT = 2000  # transforms of a frame: 10 s, which tf2 keeps, at 200 Hz


class _Link(NamedTuple):
    stamp_ns: int
    parent: str
    parent_from_frame: Matrix


class TfTree:
    """Transforms of /tf and /tf_static by child frame, looked up relative to a fixed frame with z up.

    Between two transforms a pose is interpolated. Beyond the last one the lookup takes that of the last time at which
    the whole chain is known, within the tolerance.
    """

    is_published = True

    def __init__(self, world_frame: str, tolerance_ns: int = 0) -> None:
        self._world_frame = _name(world_frame)
        self._tolerance_ns = tolerance_ns
        self._links: dict[str, deque[_Link]] = {}
        self._static: dict[str, _Link] = {}

    def update(self, transforms: Iterable[Any], is_static: bool = False) -> None:
        """Store the transforms of a message; an earlier stamp than the last one of its frame clears that frame.

        Raises:
            InputError: a transform is not finite, or its quaternion is zero.
        """
        for item in transforms:
            move, turn = item.transform.translation, item.transform.rotation
            matrix = matrix_from_pose([move.x, move.y, move.z], [turn.x, turn.y, turn.z, turn.w])
            link = _Link(stamp_ns_of(item.header), _name(item.header.frame_id), matrix)
            frame = _name(item.child_frame_id)
            if is_static:
                self._static[frame] = link
                continue
            links = self._links.setdefault(frame, deque(maxlen=_KEPT))
            if links and link.stamp_ns < links[-1].stamp_ns:
                links.clear()
            links.append(link)

    def frames_went_back_to(self, stamp_ns: int) -> None:
        """Forget the transforms of the run before; static ones stay."""
        for links in self._links.values():
            if links and links[-1].stamp_ns > stamp_ns:
                links.clear()

    def is_settled(self, header: Any) -> bool:
        """Whether the whole chain is known at the stamp of an image."""
        return self._at(header.frame_id, stamp_ns_of(header)) is not None

    def lookup(self, header: Any) -> Matrix | None:
        """world_from_camera (4, 4) of the frame_id of an image at its stamp, else the last within the tolerance."""
        stamp_ns = stamp_ns_of(header)
        found = self._at(header.frame_id, stamp_ns)
        if found is None:
            newest = [links[-1].stamp_ns for frame in self._chain(header.frame_id) if (links := self._links.get(frame))]
            if newest and abs(min(newest) - stamp_ns) <= self._tolerance_ns:
                found = self._at(header.frame_id, min(newest))
        return found

    def _at(self, frame_id: str, stamp_ns: int) -> Matrix | None:
        world_from_frame = np.eye(4)
        chain = self._chain(frame_id)
        for frame in chain:
            step = self._step(frame, stamp_ns)
            if step is None:
                return None
            world_from_frame = step @ world_from_frame
        return world_from_frame if chain or _name(frame_id) == self._world_frame else None

    def _chain(self, frame_id: str) -> list[str]:
        """Frames from the image's up to, without it, the world; empty where the world is not among its ancestors."""
        chain, frame = [], _name(frame_id)
        while frame != self._world_frame:
            link = self._static.get(frame) or next(reversed(self._links.get(frame, ())), None)
            if link is None or frame in chain:
                return []
            chain.append(frame)
            frame = link.parent
        return chain

    def _step(self, frame: str, stamp_ns: int) -> Matrix | None:
        """parent_from_frame (4, 4) at a stamp."""
        if frame in self._static:
            return self._static[frame].parent_from_frame
        after = None
        for link in reversed(self._links[frame]):
            if link.stamp_ns == stamp_ns:
                return link.parent_from_frame
            if link.stamp_ns < stamp_ns:
                if after is None:
                    return None
                share = (stamp_ns - link.stamp_ns) / (after.stamp_ns - link.stamp_ns)
                return interpolate_pose(link.parent_from_frame, after.parent_from_frame, share)
            after = link
        return None


def _name(frame_id: str) -> str:
    return frame_id.removeprefix("/")
