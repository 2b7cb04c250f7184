"""Pictures of the frames with the largest errors: truth beside prediction, with a note at each wrong object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import Sample, SampleSource
from unity_depth_perception.evaluation.confusion import INVENTED, MISSED
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator, FrameScore
from unity_depth_perception.evaluation.ground_truth import true_objects
from unity_depth_perception.evaluation.objects import Matches, links_of_matched, match_result
from unity_depth_perception.export.comparison import FrameData, comparison_picture
from unity_depth_perception.export.text import Picture

_WORST = 3  # pictures of each kind
WORST_PICTURES = tuple(f"worst_{kind}_{rank}.png" for kind in ("depth", "objects") for rank in range(1, _WORST + 1))
"""Names of the pictures."""


def write_worst(
    output: Path, evaluation: Evaluation, evaluator: Evaluator, dataset: SampleSource
) -> dict[str, list[dict[str, Any]]]:
    """Write pictures of the frames with the largest AbsRel and with the most object errors, if any.

    Returns:
        By kind, depth and objects, the worst first: image, error (None if infinite), picture.

    Raises:
        OSError: a picture cannot be written.
    """
    worst: dict[str, list[dict[str, Any]]] = {}
    for kind, error_of in (("depth", _depth_error), ("objects", _objects_error)):
        rated = [(error_of(frame), frame) for frame in evaluation.frames]
        rated = sorted((pair for pair in rated if pair[0] > 0), key=lambda pair: -pair[0])[:_WORST]
        worst[kind] = []
        for rank, (value, frame) in enumerate(rated, start=1):
            name = f"worst_{kind}_{rank}.png"
            write_image(output / name, _picture(evaluator, dataset[frame.index]))
            error = value if math.isfinite(value) else None
            worst[kind].append({"image": frame.image, "error": error, "picture": name})
    return worst


def _depth_error(frame: FrameScore) -> float:
    """AbsRel of a frame; infinite if the truth is known and the prediction has no depth."""
    if frame.depth is None or not frame.depth.pixel_count:
        return 0.0
    return frame.depth.abs_rel if math.isfinite(frame.depth.abs_rel) else math.inf


def _objects_error(frame: FrameScore) -> float:
    return float(frame.objects.errors) if frame.objects is not None else 0.0


def _picture(evaluator: Evaluator, sample: Sample) -> Picture:
    result = evaluator.process(sample)
    predicted = FrameData(
        result.segmentation.instances.cpu().numpy(), result.objects, result.depth.depth_m.cpu().numpy()
    )
    if sample.instances is None:
        return comparison_picture(sample.image, predicted, FrameData(None, (), sample.depth_m))
    truth = true_objects(sample, evaluator.device)
    notes, true_notes = error_notes(result.objects, truth.objects, match_result(result, truth))
    medians = [DistanceStatistics(median=median_m) for median_m in truth.median_m]
    objects = [replace(item, distance=distance) for item, distance in zip(truth.objects, medians, strict=True)]
    true = FrameData(truth.segmentation.instances.cpu().numpy(), objects, sample.depth_m, true_notes)
    return comparison_picture(sample.image, replace(predicted, notes=notes), true)


def error_notes(
    predicted: Sequence[ObjectDistance], true: Sequence[ObjectDistance], matches: Matches
) -> tuple[dict[int, str], dict[int, str]]:
    """Notes on wrong predicted objects and on missed true objects, by position; none for a correct object."""
    match_of, seen = dict(matches.any_category), {m for _, m in matches.any_category}
    wrong = {k: INVENTED for k in range(len(predicted)) if k not in match_of}
    wrong |= {k: "wrong category" for k, m in matches.any_category if predicted[k].category != true[m].category}
    links = links_of_matched(matches.same_category, predicted, true)
    wrong |= {k: "wrong parent" for (k, _), link in zip(matches.same_category, links, strict=True) if link.errors}
    return wrong, {m: MISSED for m in range(len(true)) if m not in seen}
