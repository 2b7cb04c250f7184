"""Objects of one frame as a live view shows them, with the time of their arrival and the frame rate."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from unity_depth_perception.core.objects import ObjectDistance

_RATE_WINDOW_S = 10.0


@dataclass(frozen=True)
class ObjectFrame:
    """The objects of one frame.

    Attributes:
        objects: with positions in `frame_id` [m].
        stamp_ns: of the image.
        arrived_s: when the message arrived [s, `time.monotonic`].
        depth_model, segmentation_model: names of the models that found them.
    """

    objects: tuple[ObjectDistance, ...]
    stamp_ns: int
    frame_id: str
    arrived_s: float
    depth_model: str = ""
    segmentation_model: str = ""

    def name_of(self, parent_id: int | None) -> str:
        """What an object stands on: `0 red_cube`, or `floor` if the parent is none of this frame."""
        parents = [item for item in self.objects if item.id == parent_id]
        return f"{parents[0].id} {parents[0].category}" if parents else "floor"


class Rate:
    """Frames per second over the last ten seconds."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=200)

    def add(self, now_s: float | None = None) -> None:
        """Count a frame."""
        self._times_s.append(time.monotonic() if now_s is None else now_s)

    def hz(self, now_s: float | None = None) -> float:
        """Frames per second; 0 where fewer than two have arrived lately."""
        now_s = time.monotonic() if now_s is None else now_s
        recent = [at for at in self._times_s if at > now_s - _RATE_WINDOW_S]
        span_s = sum(later - earlier for earlier, later in pairwise(recent))
        return (len(recent) - 1) / span_s if span_s > 0 else 0.0
