"""Times of the stages of one frame."""

from __future__ import annotations

import time
from itertools import pairwise

import torch


class StageClock:
    """Seconds of each stage: wall-clock time, on a GPU the time between events, for which the host waits only once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._laps = [("", self._now())]

    def lap(self, stage: str) -> None:
        """End a stage, and begin the next one."""
        self._laps.append((stage, self._now()))

    def stage_s(self) -> dict[str, float]:
        """Seconds by stage; waits for a GPU."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        seconds: dict[str, float] = {}
        for (_, start), (stage, end) in pairwise(self._laps):
            seconds[stage] = seconds.get(stage, 0.0) + _seconds_between(start, end)
        return seconds

    def _now(self) -> float | torch.cuda.Event:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event


def _seconds_between(start: float | torch.cuda.Event, end: float | torch.cuda.Event) -> float:
    if isinstance(start, float) and isinstance(end, float):
        return end - start
    assert isinstance(start, torch.cuda.Event)
    assert isinstance(end, torch.cuda.Event)
    return float(start.elapsed_time(end)) / 1e3
