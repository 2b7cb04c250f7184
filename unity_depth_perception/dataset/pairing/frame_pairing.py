"""Pairing of each frame with its own camera_info and camera pose, by stamp."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple, Protocol

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.pairing.stamp_history import StampHistory

_RECENT = 3  # frames whose camera_info or pose tells whether it is worth to wait for that of the next one
_INTERVALS = 5  # between frames, of which the median counts
_MOST_WAIT_S = 1.0
PATIENCE_S = 1.0
"""Least wait of frames that are read from a bag, where waiting costs nothing: all that is recorded will come."""


class PoseSource(Protocol):
    """Where poses come from; see `PoseBuffer` and `TfPoseLookup`."""

    is_published: bool

    def frames_went_back_to(self, stamp_ns: int) -> None: ...
    def is_settled(self, header: Any) -> bool: ...
    def lookup(self, header: Any) -> Any: ...


class FramePair(NamedTuple):
    """A frame with what belongs to it.

    Attributes:
        messages: of the frame, as they were handed in.
        info: what its camera_info holds; None where no camera_info has arrived.
        pose: (4, 4) world_from_camera; None where it is not known.
    """

    messages: Any
    info: Any
    pose: Any


class _Waiting(NamedTuple):
    header: Any
    messages: Any
    fits: Callable[[Any], bool]
    expects_own_info: bool
    expects_pose: bool
    deadline_s: float


class FramePairing:
    """Pairs frames with camera_info and poses; not thread-safe.

    A frame gets the camera_info with its own stamp, whichever of the two arrives first, else the newest one that fits
    its size. It waits for the camera_info, one frame interval at most, while one of the last three frames found its
    own, or where none fits its size; and for a pose of its own or a later stamp, while one of the last three frames had
    one. Frames leave in the order in which they came. Stamp 0 is no stamp: nothing is waited for. A stamp earlier than
    the last one means that the simulation restarted, and nothing of the run before is paired with a frame after it.
    With patience, the first frame of a run waits too, and none waits less than that.
    """

    def __init__(
        self,
        release: Callable[[FramePair], None],
        count: Callable[[str], None],
        poses: PoseSource | None = None,
        patience_s: float = 0.0,
    ) -> None:
        """Connects the parts.

        Args:
            release: called with each frame, once.
            count: called with `camera_info by stamp`, `camera_info latest`, `poses used`, `poses missed`.
            poses: source of poses; None: frames have no pose.
            patience_s: least wait of a frame for what it expects [s].
        """
        self._release = release
        self._count = count
        self._poses = poses
        self._patience_s = patience_s
        self._infos: StampHistory[Any] = StampHistory()
        self._by_arrival: deque[Any] = deque(maxlen=_INTERVALS)
        self._waiting: deque[_Waiting] = deque()
        self._recent: deque[Any] = deque(maxlen=_RECENT)
        self._arrivals_s: deque[float] = deque(maxlen=_INTERVALS + 1)

    @property
    def deadline_s(self) -> float | None:
        """When `expire` must be called at the latest, on the clock of `now_s`; None: nothing waits."""
        return self._waiting[0].deadline_s if self._waiting else None

    def add_frame(self, header: Any, messages: Any, fits: Callable[[Any], bool], now_s: float) -> None:
        """Add a frame; `fits` tells whether a camera_info can be of an image of its size."""
        stamp_ns = stamp_ns_of(header)
        if self._recent and stamp_ns < stamp_ns_of(self._recent[-1]):
            self._recent.clear()
            self._infos.forget_if_after(stamp_ns)
            if self._poses is not None:
                self._poses.frames_went_back_to(stamp_ns)
        self._arrivals_s.append(now_s)
        is_hopeful = self._patience_s > 0 and not self._recent
        has_own_info = any(self._own_info(recent) is not None for recent in self._recent)
        expects_own_info = stamp_ns != 0 and (is_hopeful or has_own_info)
        has_pose = any(self._is_settled(recent) for recent in self._recent)
        expects_pose = stamp_ns != 0 and self._poses is not None and (is_hopeful or has_pose)
        self._recent.append(header)
        deadline_s = now_s + (max(self._interval_s, self._patience_s) if stamp_ns else 0.0)
        self._waiting.append(_Waiting(header, messages, fits, expects_own_info, expects_pose, deadline_s))
        self.expire(now_s)

    def add_info(self, stamp_ns: int, info: Any, now_s: float) -> None:
        """Add what a valid camera_info holds."""
        self._infos.add(stamp_ns, info)
        self._by_arrival.append(info)
        self.expire(now_s)

    def expire(self, now_s: float) -> None:
        """Release the frames that have what they need, or whose time is over; call it after a pose, too."""
        while self._waiting and (now_s >= self._waiting[0].deadline_s or self._is_complete(self._waiting[0])):
            self._leave(self._waiting.popleft())

    def clear(self) -> int:
        """Forget all frames and their stamps; returns how many were waiting."""
        count = len(self._waiting)
        self._waiting.clear()
        self._recent.clear()
        self._arrivals_s.clear()
        return count

    @property
    def _interval_s(self) -> float:
        times = list(self._arrivals_s)
        intervals = [later - earlier for earlier, later in pairwise(times)]
        return min(median(intervals), _MOST_WAIT_S) if intervals else 0.0

    def _own_info(self, header: Any) -> Any:
        stamp_ns = stamp_ns_of(header)
        return self._infos.exact(stamp_ns) if stamp_ns else None

    def _is_settled(self, header: Any) -> bool:
        return self._poses is not None and self._poses.is_settled(header)

    def _is_complete(self, frame: _Waiting) -> bool:
        if self._own_info(frame.header) is None:
            fits_some = not self._by_arrival or any(frame.fits(info) for info in self._by_arrival)
            if frame.expects_own_info or not fits_some:
                return False
        return not frame.expects_pose or self._is_settled(frame.header)

    def _leave(self, frame: _Waiting) -> None:
        info = self._own_info(frame.header)
        if info is not None:
            self._count("camera_info by stamp")
        elif self._by_arrival:
            info = next((i for i in reversed(self._by_arrival) if frame.fits(i)), self._by_arrival[-1])
            self._count("camera_info latest")
        pose = None
        if self._poses is not None and self._poses.is_published:
            pose = self._poses.lookup(frame.header)
            self._count("poses used" if pose is not None else "poses missed")
        self._release(FramePair(frame.messages, info, pose))
