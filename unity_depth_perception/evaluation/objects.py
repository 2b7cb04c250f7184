"""Objects of one frame against the truth: who was found, how far they are, what they stand on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unity_depth_perception.core.metrics import match_objects
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.evaluation.truth import TrueObjects
from unity_depth_perception.ops.overlap import iou_matrix
from unity_depth_perception.pipeline import PerceptionResult


@dataclass(frozen=True)
class LinkScore:
    """Links child -> parent of the matched objects.

    A link counts if its child is matched: an object that was not found is already missing from the recall. It is
    correct if the truth has a link from the child's match to the parent's match; so a link to an unmatched parent is
    wrong, and a true link whose parent was not found is missed.
    """

    correct: int = 0
    predicted: int = 0
    true: int = 0

    def __add__(self, other: LinkScore) -> LinkScore:
        return LinkScore(self.correct + other.correct, self.predicted + other.predicted, self.true + other.true)


@dataclass(frozen=True)
class ObjectScore:
    """One frame's objects.

    Attributes:
        predicted: categories of the predicted objects.
        true: categories of the annotated objects.
        matched: categories of the matched pairs.
        distance_errors: |median - truth| / truth of the matched pairs whose medians are both known.
        links: what stands on what.
    """

    predicted: tuple[str, ...]
    true: tuple[str, ...]
    matched: tuple[str, ...]
    distance_errors: tuple[float, ...]
    links: LinkScore

    @property
    def errors(self) -> int:
        """Objects missed, objects invented, and wrong or missed links: what makes a frame worse than another."""
        wrong_links = self.links.predicted + self.links.true - 2 * self.links.correct
        return len(self.predicted) + len(self.true) - 2 * len(self.matched) + wrong_links


def score_objects(result: PerceptionResult, truth: TrueObjects) -> ObjectScore:
    """Match by mask IoU >= 0.5 and category, then compare distances and links."""
    iou = iou_matrix(
        result.segmentation.instances,
        truth.segmentation.instances,
        len(result.objects),
        len(truth.objects),
    )
    predicted = tuple(item.category for item in result.objects)
    true = tuple(item.category for item in truth.objects)
    pairs = match_objects(iou.cpu().numpy(), predicted, true, result.segmentation.scores)
    return ObjectScore(
        predicted=predicted,
        true=true,
        matched=tuple(true[match] for _, match in pairs),
        distance_errors=_distance_errors(pairs, result.objects, truth.median_m),
        links=score_links(pairs, result.objects, truth.objects),
    )


def _distance_errors(
    pairs: Sequence[tuple[int, int]], objects: Sequence[ObjectDistance], true_median_m: Sequence[float]
) -> tuple[float, ...]:
    errors = (abs(objects[k].distance.median - true_median_m[m]) / true_median_m[m] for k, m in pairs)
    return tuple(error for error in errors if math.isfinite(error))


def score_links(
    pairs: Sequence[tuple[int, int]], predicted: Sequence[ObjectDistance], true: Sequence[ObjectDistance]
) -> LinkScore:
    """Count the links of matched children; ids are positions in `predicted` and `true`."""
    match_of = dict(pairs)
    score = LinkScore()
    for index, match in pairs:
        parent, true_parent = predicted[index].parent_id, true[match].parent_id
        correct = parent is not None and true_parent is not None and match_of.get(parent) == true_parent
        score += LinkScore(int(correct), int(parent is not None), int(true_parent is not None))
    return score
