"""Frames with the largest errors: truth beside prediction, with a note at each wrong object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample, SampleSource
from unity_depth_perception.evaluation.error_notes import error_notes
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator, FrameScore
from unity_depth_perception.evaluation.ground_truth import true_objects
from unity_depth_perception.evaluation.objects import match_result
from unity_depth_perception.export.comparison import FrameData, Panels, comparison_panels

_WORST = 3  # frames of each kind


@dataclass(frozen=True)
class WorstFrame:
    """A frame with large errors.

    Attributes:
        kind: depth or objects.
        error: AbsRel, or number of object errors; None if infinite (no depth at all).
        image: file name.
        picture: name of the file of its comparison picture.
        panels: truth beside prediction.
        predicted, true: with notes on the wrong objects.
    """

    kind: str
    error: float | None
    image: str
    picture: str
    panels: Panels
    predicted: FrameData
    true: FrameData

    def to_json(self) -> dict[str, Any]:
        """The entry in report.json."""
        return {"image": self.image, "error": self.error, "picture": self.picture}

    def wrong_objects(self) -> list[str]:
        """Notes in words: `red_cube: missed`."""
        return [
            f"{item.category}: {side.notes[item.id]}"
            for side in (self.true, self.predicted)
            for item in side.objects
            if item.id in side.notes
        ]


def worst_frames(evaluation: Evaluation, evaluator: Evaluator, dataset: SampleSource) -> dict[str, list[WorstFrame]]:
    """Process the frames with the largest AbsRel and with the most object errors again; by kind, the worst first."""
    worst: dict[str, list[WorstFrame]] = {}
    for kind, error_of in (("depth", _depth_error), ("objects", _objects_error)):
        rated = [(error_of(frame), frame) for frame in evaluation.frames]
        rated = sorted((pair for pair in rated if pair[0] > 0), key=lambda pair: -pair[0])[:_WORST]
        worst[kind] = []
        for rank, (value, frame) in enumerate(rated, start=1):
            sample = dataset[frame.index]
            error = value if math.isfinite(value) else None
            predicted, true = _predicted_and_true(evaluator, sample)
            panels = comparison_panels(sample.image, predicted, true)
            picture = f"worst_{kind}_{rank}.png"
            worst[kind].append(WorstFrame(kind, error, frame.image, picture, panels, predicted, true))
    return worst


def _depth_error(frame: FrameScore) -> float:
    """AbsRel of a frame; infinite if the truth is known and the prediction has no depth."""
    if frame.depth is None or not frame.depth.pixel_count:
        return 0.0
    return frame.depth.abs_rel if math.isfinite(frame.depth.abs_rel) else math.inf


def _objects_error(frame: FrameScore) -> float:
    return float(frame.objects.errors) if frame.objects is not None else 0.0


def _predicted_and_true(evaluator: Evaluator, sample: Sample) -> tuple[FrameData, FrameData]:
    result = evaluator.process(sample)
    predicted = FrameData(
        result.segmentation.instances.cpu().numpy(), result.objects, result.depth.depth_m.cpu().numpy()
    )
    if sample.instances is None:
        return predicted, FrameData(None, (), sample.depth_m)
    truth = true_objects(sample, evaluator.device)
    notes, true_notes = error_notes(result.objects, truth.objects, match_result(result, truth))
    objects = _with_medians(truth.objects, truth.median_m)
    true = FrameData(truth.segmentation.instances.cpu().numpy(), objects, sample.depth_m, true_notes)
    return replace(predicted, notes=notes), true


def _with_medians(objects: Sequence[ObjectDistance], median_m: Sequence[float]) -> list[ObjectDistance]:
    """The objects, labelled with their true medians."""
    return [
        replace(item, distance=replace(item.distance, median=median))
        for item, median in zip(objects, median_m, strict=True)
    ]
