"""What the demo prints: errors of the table agree with those of the summary, and dropped frames are explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from rich.console import Console

from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.demo import comparison
from unity_depth_perception.demo.session import _summary


@dataclass
class Result:
    objects: tuple[ObjectDistance, ...]


@dataclass
class Frames:
    """Results and truth by stamp, as the demo's follower has them."""

    results: dict[int, Result]
    truth: dict[int, tuple[ObjectDistance, ...]]

    @property
    def followed(self) -> list[int]:
        return sorted(self.results)


def item(index: int, distance_m: float) -> ObjectDistance:
    box = (20 * index, 0, 20 * index + 10, 10)
    distance = DistanceStatistics(distance_m, distance_m, distance_m, distance_m, distance_m)
    return ObjectDistance(index, "red_cube", box, distance, score=1.0)


def frames(*distances_m: tuple[float, ...]) -> Frames:
    """Frames of objects at these distances, where 1 m is true."""
    found = {stamp: tuple(item(k, d) for k, d in enumerate(frame)) for stamp, frame in enumerate(distances_m)}
    truth = {stamp: tuple(replace(o, distance=item(0, 1.0).distance) for o in f) for stamp, f in found.items()}
    return Frames({stamp: Result(objects) for stamp, objects in found.items()}, truth)


def report_of(follower: Any, dropped: int) -> dict[str, Any]:
    counts = {"sent": 9, "processed": 9 - dropped, "dropped": dropped, "refused": 0, "followed": len(follower.followed)}
    return {
        "size": [64, 48],
        "first_result_s": 1.0,
        "frames": counts,
        "latency_ms": {"p50": 1.0, "p95": 2.0},
        "objects": comparison.object_scores(follower),
        "depth": {"abs_rel": 0.1, "delta1": 1.0},
    }


def test_errors_of_the_table_and_of_the_summary_agree() -> None:
    follower: Any = frames((1.01, 0.98, 1.04))
    text = StringIO()
    Console(file=text, width=120).print(comparison.object_table(follower, 0))
    assert all(cell in text.getvalue() for cell in ("+1.0 %", "-2.0 %", "+4.0 %", "median 2.0 %, worst 4.0 %"))
    assert any("distance error: median 2.0 %, worst 4.0 %" in line for line in _summary(report_of(follower, 0), Path()))


def test_summary_is_over_all_frames() -> None:
    follower: Any = frames((1.01,), (1.10,), (1.02,))
    assert any(
        "in 3 frames; distance error: median 2.0 %, worst 10.0 %" in x for x in _summary(report_of(follower, 0), Path())
    )


@pytest.mark.parametrize(("dropped", "explained"), [(0, False), (4, True)])
def test_dropped_frames_are_explained_where_there_are_any(dropped: int, explained: bool) -> None:
    lines = _summary(report_of(frames((1.0,)), dropped), Path())
    assert any("Dropped frames are normal" in line for line in lines) == explained
