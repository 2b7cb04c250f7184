"""Evaluations put together by hand, and their reports, with errors that a test states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.evaluation.evaluator import Evaluation, FrameScore
from unity_depth_perception.evaluation.objects import LinkScore, MatchedObject, ObjectScore
from unity_depth_perception.evaluation.report.distances import compared_objects, summarise_distances
from unity_depth_perception.evaluation.summary import summarise

BOX = (0, 0, 4, 4)


def matched(error: float, true_m: float = 1.0, category: str = "red_cube", item_id: int = 0) -> MatchedObject:
    """A matched object whose distance has a signed relative error."""
    found = ObjectDistance(0, category, BOX, DistanceStatistics(median=true_m * (1 + error)))
    return MatchedObject(found, ObjectDistance(item_id, category, BOX, DistanceStatistics(median=true_m)), LinkScore())


def frame_of(
    pairs: Sequence[MatchedObject],
    index: int = 0,
    stamp_ns: int | None = None,
    missed: Sequence[str] = (),
    invented: Sequence[str] = (),
    renamed: Sequence[tuple[str, str]] = (),
    links: LinkScore | None = None,
    abs_rel: float | None = None,
    coverage: float = 1.0,
) -> FrameScore:
    """Scores of a frame; `renamed` are (true, predicted) categories, `abs_rel` None means no true depth."""
    names = tuple(pair.true.category for pair in pairs)
    score = ObjectScore(
        predicted=(*names, *invented, *(found for _, found in renamed)),
        true=(*names, *missed, *(true for true, _ in renamed)),
        matched=names,
        category_pairs=(
            *((name, name) for name in names),
            *((name, None) for name in missed),
            *((None, name) for name in invented),
            *renamed,
        ),
        distance_errors=tuple(abs(pair.distance_error) for pair in pairs),
        links=links or LinkScore(),
        pairs=tuple(pairs),
    )
    depth = None if abs_rel is None else DepthMetrics(abs_rel, 0.1, 0.1, 0.1, 1.0, 0.97, 1.0, 1.0, coverage, 100)
    return FrameScore(index, f"{index:05d}.png", 0.1, depth, score, stamp_ns)


def report_of(
    *frames: FrameScore, failed: Sequence[str] = (), source: str = "room", model: str = "net"
) -> dict[str, Any]:
    """What report.json would hold for an evaluation of these frames, but for the pictures."""
    evaluation = Evaluation(list(frames), [(name, "cannot be read") for name in failed])
    return summarise(evaluation) | {
        "object_distances": summarise_distances(compared_objects(evaluation)),
        "models": {"depth": model, "segmentation": model},
        "camera_pose": "used where known",
        "device": "cpu",
        "dataset": f"/data/{source}",
        "worst": {"depth": [], "objects": []},
        "versions": {"python": "3.11", "torch": None},
    }
