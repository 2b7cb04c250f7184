"""Summary of the scores of all frames: the numbers of a report."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from unity_depth_perception.core.metrics import DepthMetrics, mean_metrics
from unity_depth_perception.evaluation.coco_ap import CocoScores
from unity_depth_perception.evaluation.confusion import confusion
from unity_depth_perception.evaluation.evaluator import Evaluation
from unity_depth_perception.evaluation.objects import LinkScore, ObjectScore, SurfaceError

_NO_DEPTH_TRUTH = "no image has true depth with a valid pixel"
_NO_OBJECT_TRUTH = "no image has masks"
_FAR_OFF = 0.2  # relative error of distances that makes a scene useless
_PERCENTILES = {"median": 50, "p90": 90, "p95": 95}  # of the distance errors


def summarise(evaluation: Evaluation) -> dict[str, Any]:
    """Summarise an evaluation: depth as the mean over frames, objects as counts and average precision over all.

    A part without ground truth is None, and `reasons` says why. `metrics` holds what `MetricsCollection` collected.
    """
    depth = summarise_depth([frame.depth for frame in evaluation.frames if frame.depth is not None])
    objects = summarise_objects([frame.objects for frame in evaluation.frames if frame.objects is not None])
    reasons = {}
    if depth is None:
        reasons["depth"] = _NO_DEPTH_TRUTH
    if objects is None:
        reasons["objects"] = _NO_OBJECT_TRUTH
    else:
        objects = {"frames": objects["frames"]} | _average_precision(evaluation.coco.scores()) | objects
    return {
        "frames": len(evaluation.frames),
        "failed": [{"image": image, "error": error} for image, error in evaluation.failures],
        "poses_refused": [{"image": image, "error": error} for image, error in evaluation.poses_refused],
        "depth": depth,
        "objects": objects,
        "reasons": reasons,
        "fps": evaluation.fps,
        "metrics": evaluation.metrics.summary(),
    }


def summarise_depth(metrics: Sequence[DepthMetrics]) -> dict[str, float | int | None] | None:
    """Mean of each metric over the frames that have true depth, and the number of frames; None without any."""
    measured = [one for one in metrics if one.pixel_count]
    if not measured:
        return None
    means = dataclasses.asdict(mean_metrics(measured))
    return {"frames": len(measured)} | {name: value if math.isfinite(value) else None for name, value in means.items()}


def summarise_objects(scores: Sequence[ObjectScore]) -> dict[str, Any] | None:
    """Precision, recall, distance errors and links over all frames; a ratio with denominator 0 is None."""
    if not scores:
        return None
    predicted = Counter(category for score in scores for category in score.predicted)
    true = Counter(category for score in scores for category in score.true)
    matched = Counter(category for score in scores for category in score.matched)
    errors = [error for score in scores for error in score.distance_errors]
    category_pairs = [pair for score in scores for pair in score.category_pairs]
    return {
        "frames": len(scores),
        **_found(predicted.total(), true.total(), matched.total()),
        "recall_any_category": _ratio(sum(None not in pair for pair in category_pairs), true.total()),
        "distances_compared": len(errors),
        **{
            f"distance_{name}_rel_error": float(np.percentile(errors, percent)) if errors else None
            for name, percent in _PERCENTILES.items()
        },
        "frames_over_20_percent_off": _far_off([score.distance_errors for score in scores]),
        **_surfaces([error for score in scores for error in score.surface_errors]),
        **_links(sum((score.links for score in scores), LinkScore())),
        "per_category": {
            category: _found(predicted[category], true[category], matched[category])
            for category in sorted(predicted.keys() | true.keys())
        },
        "confusion": confusion(category_pairs),
    }


def _far_off(errors: Sequence[Sequence[float]]) -> float | None:
    """Share of the frames with compared distances whose median error is above 20 %."""
    medians = [float(np.median(of_frame)) for of_frame in errors if of_frame]
    return _ratio(sum(median > _FAR_OFF for median in medians), len(medians))


def _average_precision(scores: CocoScores) -> dict[str, float | None]:
    values = {name: getattr(scores, name) for name in ("mask_ap", "mask_ap50", "box_ap", "box_ap50")}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _found(predicted: int, true: int, matched: int) -> dict[str, Any]:
    return {
        "true": true,
        "predicted": predicted,
        "matched": matched,
        "precision": _ratio(matched, predicted),
        "recall": _ratio(matched, true),
    }


def _surfaces(errors: Sequence[SurfaceError]) -> dict[str, float | None]:
    """Median and 90th percentile of the errors of min and max, and of the depth of the 3D boxes over the true one."""
    columns = {"min": "nearest", "max": "farthest"}
    values: dict[str, float | None] = {}
    for name, column in columns.items():
        for percentile, percent in (("median", 50), ("p90", 90)):
            found = [getattr(error, column) for error in errors]
            values[f"distance_{name}_{percentile}_rel_error"] = float(np.percentile(found, percent)) if found else None
    ratios = np.array([error.depth_ratio for error in errors])
    return values | {
        "box_depth_median_ratio": float(np.median(ratios)) if errors else None,
        "box_depth_over_twice": float((ratios > 2).mean()) if errors else None,
    }


def _links(links: LinkScore) -> dict[str, Any]:
    return {
        "links_true": links.true,
        "links_predicted": links.predicted,
        "links_correct": links.correct,
        "parent_precision": _ratio(links.correct, links.predicted),
        "parent_recall": _ratio(links.correct, links.true),
        "parent_f1": _ratio(2 * links.correct, links.predicted + links.true),
        "links_true_between_matched": links.true_between,
        "parent_f1_between_matched": _ratio(2 * links.correct, links.predicted_between + links.true_between),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
