"""Tracks: the distance of one object over the frames of a sequence with stamps."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from unity_depth_perception.evaluation.evaluator import Evaluation

MOST_TRACKS = 6
_LEAST_FRAMES = 3  # fewer points are no course


@dataclass(frozen=True)
class Track:
    """Distances of one true object over time; NaN in a frame where it is not found."""

    category: str
    true_id: int
    seconds: tuple[float, ...]
    found_m: tuple[float, ...]
    true_m: tuple[float, ...]


def object_tracks(evaluation: Evaluation) -> list[Track]:
    """Tracks of the true objects that are found in most frames, at most `MOST_TRACKS`; none without stamps.

    A true object is known by its category and its annotation's id, so the source must keep ids over its frames.
    """
    frames = [frame for frame in evaluation.frames if frame.stamp_ns is not None and frame.objects is not None]
    stamps = [frame.stamp_ns or 0 for frame in frames]
    if len(set(stamps)) < _LEAST_FRAMES:
        return []
    found: dict[tuple[str, int], dict[int, tuple[float, float]]] = defaultdict(dict)
    for index, frame in enumerate(frames):
        for pair in frame.objects.pairs if frame.objects is not None else ():
            medians = (pair.predicted.distance.median, pair.true.distance.median)
            found[pair.true.category, pair.true.id][index] = medians
    order = sorted(range(len(frames)), key=lambda index: stamps[index])
    seconds = tuple((stamps[index] - min(stamps)) / 1e9 for index in order)
    longest = sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:MOST_TRACKS]
    gap = (math.nan, math.nan)
    return [
        Track(
            category,
            true_id,
            seconds,
            tuple(at.get(index, gap)[0] for index in order),
            tuple(at.get(index, gap)[1] for index in order),
        )
        for (category, true_id), at in longest
        if len(at) >= _LEAST_FRAMES
    ]
