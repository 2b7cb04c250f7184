"""Sliding window of keyframes of a live stream: apart by the camera's motion, or by time where no pose is known."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.reconstruction.sources.input_view import InputView
from unity_depth_perception.reconstruction.sources.keyframes import moved_by_pose

KEYFRAME_PX = 504
"""Longest side at which keyframes are kept: that of Depth Anything 3's input. One takes up to 1.8 MB."""
_STEP = 0.1  # of the median depth
_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Keyframe:
    """A processed frame that is kept for a reconstruction.

    Attributes:
        view: image, camera, depth and, where it is known, pose; in the memory of the host.
        stamp_ns: of the image.
        frame_id: the optical frame.
        size_px: width and height of the image as it came.
        scale_source: where the metres of its depth come from, one of SCALE_SOURCES.
        step_m: motion from this keyframe that makes a new one.
    """

    view: InputView
    stamp_ns: int
    frame_id: str
    size_px: tuple[int, int]
    scale_source: str
    step_m: float


class KeyframeWindow:
    """The last keyframes of a stream; filled by one thread and read by another.

    With poses, a frame is a keyframe if the camera has moved by a tenth of the median depth or turned by 8 degrees
    since the last one. Without, every half a second gives one, if `takes_unposed`.

    Attributes:
        frames, frames_without_pose: offered since the window was made or cleared.
    """

    def __init__(self, takes_unposed: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """`takes_unposed`: whether frames without a pose are of use; `clock`: seconds."""
        self._takes_unposed = takes_unposed
        self._clock = clock
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all keyframes."""
        with self._lock:
            self._keyframes: deque[Keyframe] = deque()
            self._number = 0  # of the next keyframe
            self._last_s = 0.0
            self.frames = self.frames_without_pose = 0

    def keyframes(self) -> list[Keyframe]:
        """The keyframes, oldest first: all with poses, or all without."""
        with self._lock:
            return list(self._keyframes)

    def offer(self, result: PerceptionResult, capacity: int) -> None:
        """Keep a processed frame if it is a keyframe, and at most `capacity` of them.

        Stamps that go back (a restarted simulation) and images of another size start a new window.
        """
        frame = result.frame
        with self._lock:
            self.frames += 1
            self.frames_without_pose += frame.world_from_camera is None
            if self._keyframes and self._is_other_stream(frame):
                self._keyframes.clear()
            if capacity > 0 and self._is_keyframe(frame):
                self._keyframes.append(_keyframe(result, self._number))
                self._number, self._last_s = self._number + 1, self._clock()
            while len(self._keyframes) > capacity:
                self._keyframes.popleft()

    def _is_other_stream(self, frame: Frame) -> bool:
        last = self._keyframes[-1]
        gains_poses = last.view.world_from_camera is None and frame.world_from_camera is not None
        return gains_poses or _size_px(frame) != last.size_px or frame.stamp_ns < last.stamp_ns

    def _is_keyframe(self, frame: Frame) -> bool:
        pose = frame.world_from_camera
        if pose is None and not self._takes_unposed:
            return False
        if not self._keyframes:
            return True
        last = self._keyframes[-1]
        if pose is None:
            return last.view.world_from_camera is None and self._clock() - self._last_s >= _INTERVAL_S
        assert last.view.world_from_camera is not None  # for mypy: see _is_other_stream
        return moved_by_pose(last.view.world_from_camera, pose, last.step_m)


def _size_px(frame: Frame) -> tuple[int, int]:
    return frame.camera.width, frame.camera.height


def _keyframe(result: PerceptionResult, number: int) -> Keyframe:
    frame = result.frame
    depth_m = np.array(result.depth.depth_m.cpu())
    view = InputView(
        f"keyframe_{number:06d}.png", np.array(result.rgb.cpu()), frame.camera, frame.world_from_camera, depth_m
    ).bounded(KEYFRAME_PX)
    known = depth_m[np.isfinite(depth_m)]
    step_m = _STEP * float(np.median(known)) if known.size else 0.0
    return Keyframe(view, frame.stamp_ns, frame.frame_id, _size_px(frame), result.depth.scale_source, step_m)
