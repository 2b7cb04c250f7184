"""CSV tables of a report: one line per matched object, one line per frame. Unknown values are empty.

Timings are left out, so that two runs over the same data write equal files.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.evaluation.evaluator import Evaluation, FrameScore
from unity_depth_perception.evaluation.objects import MatchedObject

_STATISTICS = ("median", "mean", "min", "max")
OBJECT_COLUMNS = (
    "frame", "image", "stamp_ns", "category", "id", "true_id", "score", "distance_error",
    *(f"{side}{name}_m" for name in _STATISTICS for side in ("", "true_")),
    "range_m", "true_range_m", "x_m", "y_m", "z_m", "true_x_m", "true_y_m", "true_z_m",
    "parent_id", "true_parent_id", "parent_correct", "pixel_count",
)  # fmt: skip
FRAME_COLUMNS = (
    "frame", "image", "stamp_ns", *(field.name for field in fields(DepthMetrics)),
    "true", "predicted", "matched", "median_distance_error", "max_distance_error",
    "links_true", "links_predicted", "links_correct", "object_errors",
)  # fmt: skip


def objects_csv(evaluation: Evaluation) -> str:
    """One line per matched object: distances [m] beside the true ones; `distance_error` is median / true median - 1."""
    rows = (
        _frame(frame) | _matched(pair)
        for frame in evaluation.frames
        if frame.objects is not None
        for pair in frame.objects.pairs
    )
    return _text(OBJECT_COLUMNS, rows)


def frames_csv(evaluation: Evaluation) -> str:
    """One line per evaluated frame: depth measures, counts of objects and of links."""
    return _text(FRAME_COLUMNS, (_frame(frame) | _depth(frame) | _objects(frame) for frame in evaluation.frames))


def _text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    content = io.StringIO()
    writer = csv.DictWriter(content, tuple(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return content.getvalue()


def _cell(value: Any) -> Any:
    """A float keeps 9 significant digits, enough for float32; NaN and infinity are unknown."""
    if isinstance(value, float):
        return f"{value:.9g}" if math.isfinite(value) else None
    return value


def _frame(frame: FrameScore) -> dict[str, Any]:
    return {"frame": frame.index, "image": frame.image, "stamp_ns": frame.stamp_ns}


def _matched(pair: MatchedObject) -> dict[str, Any]:
    found, true = pair.predicted, pair.true
    row: dict[str, Any] = {
        "category": true.category,
        "id": found.id,
        "true_id": true.id,
        "score": found.score,
        "distance_error": pair.distance_error,
        "parent_id": found.parent_id,
        "true_parent_id": true.parent_id,
        "parent_correct": int(pair.link.errors == 0),
        "pixel_count": found.pixel_count,
    }
    for side, item in (("", found), ("true_", true)):
        row |= {f"{side}{name}_m": getattr(item.distance, name) for name in _STATISTICS}
        row[f"{side}range_m"] = item.range_m
        row |= {f"{side}{axis}_m": value for axis, value in zip("xyz", item.position_m, strict=True)}
    return row


def _depth(frame: FrameScore) -> dict[str, Any]:
    return {} if frame.depth is None else asdict(frame.depth)


def _objects(frame: FrameScore) -> dict[str, Any]:
    score = frame.objects
    if score is None:
        return {}
    errors = score.distance_errors
    return {
        "true": len(score.true),
        "predicted": len(score.predicted),
        "matched": len(score.matched),
        "median_distance_error": float(np.median(errors)) if errors else None,
        "max_distance_error": max(errors, default=None),
        "links_true": score.links.true,
        "links_predicted": score.links.predicted,
        "links_correct": score.links.correct,
        "object_errors": score.errors,
    }
