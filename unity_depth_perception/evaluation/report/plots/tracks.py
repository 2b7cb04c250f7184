"""Tracks: the distance of one object over the frames of a sequence with stamps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from unity_depth_perception.evaluation.evaluator import Evaluation

MOST_TRACKS = 6
_LEAST_STEPS = 2  # pairs of consecutive frames: fewer points are no course


@dataclass(frozen=True)
class Track:
    """Distances of one true object over time; NaN in a frame where it is not found."""

    category: str
    true_id: int
    seconds: tuple[float, ...]
    found_m: tuple[float, ...]
    true_m: tuple[float, ...]


def object_tracks(evaluation: Evaluation) -> list[Track]:
    """Tracks of the true objects that are found in most frames, at most `MOST_TRACKS`.

    A true object is known by its category and its annotation's id, so the source must keep ids over its frames. There
    are none without stamps, nor where a stamp is not later than the one before.
    """
    frames = [frame for frame in evaluation.frames if frame.objects is not None]
    stamps = [frame.stamp_ns for frame in frames if frame.stamp_ns is not None]
    if len(stamps) < len(frames) or any(later <= earlier for earlier, later in pairwise(stamps)):
        return []
    found: dict[tuple[str, int], dict[int, tuple[float, float]]] = defaultdict(dict)
    for index, frame in enumerate(frames):
        for pair in frame.objects.pairs if frame.objects is not None else ():
            medians = (pair.predicted.distance.median, pair.true.distance.median)
            found[pair.true.category, pair.true.id][index] = medians
    lasting = [entry for entry in found.items() if sum(index + 1 in entry[1] for index in entry[1]) >= _LEAST_STEPS]
    longest = sorted(lasting, key=lambda entry: (-len(entry[1]), entry[0]))[:MOST_TRACKS]
    seconds = tuple((stamp - stamps[0]) / 1e9 for stamp in stamps)
    return [Track(*key, seconds, *_columns(at, len(frames))) for key, at in longest]


def _columns(at: Mapping[int, tuple[float, float]], count: int) -> Iterator[tuple[float, ...]]:
    """Predicted and true distances of all frames; NaN where the object is not found."""
    for side in (0, 1):
        yield tuple(at[index][side] if index in at else math.nan for index in range(count))
