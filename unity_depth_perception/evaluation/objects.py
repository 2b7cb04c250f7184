"""Scores of the objects of one frame against the truth: detection, category, distance and parent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

from unity_depth_perception.core.metrics import match_objects
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.evaluation.ground_truth import TrueObjects
from unity_depth_perception.models.protocols import Segmentation
from unity_depth_perception.ops.overlap import iou_matrix
from unity_depth_perception.pipeline import PerceptionResult


@dataclass(frozen=True)
class LinkScore:
    """Links child -> parent of the matched objects.

    A link counts if its child is matched: an object that was not found already lowers the recall. It is correct if the
    truth has a link from the child's match to the parent's match; so a link to an unmatched parent is wrong, and a
    true link whose parent was not found is missed.

    Attributes:
        correct, predicted, true: numbers of links.
        predicted_between: of the predicted ones, those to a matched parent.
        true_between: of the true ones, those to a matched parent.
    """

    correct: int = 0
    predicted: int = 0
    true: int = 0
    predicted_between: int = 0
    true_between: int = 0

    def __add__(self, other: LinkScore) -> LinkScore:
        return LinkScore(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def errors(self) -> int:
        """Number of false links plus missed links; a link to the wrong parent is both."""
        return self.predicted + self.true - 2 * self.correct


@dataclass(frozen=True)
class Matches:
    """Matched objects: pairs (predicted, true) of positions in the two lists of objects.

    Attributes:
        same_category: pairs of the same category whose masks' IoU is at least 0.5: the objects that were found.
        any_category: pairs by IoU alone, which distinguish a wrong category from a missed object.
    """

    same_category: tuple[tuple[int, int], ...]
    any_category: tuple[tuple[int, int], ...]


class SurfaceError(NamedTuple):
    """How well the visible surface of a matched object is bounded.

    `nearest` and `farthest` are |min - true min| / true min and |max - true max| / true max; `depth_ratio` is the depth
    max - min of its 3D box over the true one.
    """

    nearest: float
    farthest: float
    depth_ratio: float


@dataclass(frozen=True)
class MatchedObject:
    """A predicted object beside the true one of its category that its mask covers.

    Attributes:
        predicted: with ids of the prediction.
        true: with ids of the annotation; the median is that of the annotation, else of the true depth.
        link: score of the link to its parent.
    """

    predicted: ObjectDistance
    true: ObjectDistance
    link: LinkScore

    @property
    def distance_error(self) -> float:
        """Signed relative error median / true median - 1; NaN where one of them is unknown."""
        found, truth = self.predicted.distance.median, self.true.distance.median
        return found / truth - 1 if truth else math.nan


@dataclass(frozen=True)
class ObjectScore:
    """One frame's objects.

    Attributes:
        predicted: categories of the predicted objects.
        true: categories of the annotated objects.
        matched: categories of the matched pairs.
        category_pairs: (true, predicted) categories of the pairs by IoU alone; None on the side without an object.
        distance_errors: |median - truth| / truth of the matched pairs whose medians are both known.
        links: score of the links child -> parent.
        surface_errors: of the matched pairs whose nearest and farthest depths are both known.
        pairs: the matched objects themselves.
    """

    predicted: tuple[str, ...]
    true: tuple[str, ...]
    matched: tuple[str, ...]
    category_pairs: tuple[tuple[str | None, str | None], ...]
    distance_errors: tuple[float, ...]
    links: LinkScore
    surface_errors: tuple[SurfaceError, ...] = ()
    pairs: tuple[MatchedObject, ...] = ()

    @property
    def errors(self) -> int:
        """Number of missed objects, false detections, and wrong or missed links: rates frames by their errors."""
        return len(self.predicted) + len(self.true) - 2 * len(self.matched) + self.links.errors


def match_result(result: PerceptionResult, truth: TrueObjects) -> Matches:
    """Match the objects of a frame by the IoU of their masks."""
    return match_segmentations(result.segmentation, truth.segmentation)


def match_segmentations(found: Segmentation, true: Segmentation) -> Matches:
    """Match the objects of two segmentations of a frame by the IoU of their masks."""
    iou = iou_matrix(found.instances, true.instances, len(found.categories), len(true.categories)).cpu().numpy()
    nameless = match_objects(iou, [""] * len(found.categories), [""] * len(true.categories), found.scores)
    return Matches(tuple(match_objects(iou, found.categories, true.categories, found.scores)), tuple(nameless))


def score_objects(result: PerceptionResult, truth: TrueObjects, matches: Matches | None = None) -> ObjectScore:
    """Match by mask IoU >= 0.5 and category, unless `match_result` is given, then compare distances and links."""
    matches = matches or match_result(result, truth)
    predicted = tuple(item.category for item in result.objects)
    true = tuple(item.category for item in truth.objects)
    return ObjectScore(
        predicted=predicted,
        true=true,
        matched=tuple(true[match] for _, match in matches.same_category),
        category_pairs=_category_pairs(matches.any_category, predicted, true),
        distance_errors=_distance_errors(matches.same_category, result.objects, truth.median_m),
        links=score_links(matches.same_category, result.objects, truth.objects),
        surface_errors=_surface_errors(matches.same_category, result.objects, truth.objects),
        pairs=_matched_objects(matches.same_category, result.objects, truth),
    )


def _matched_objects(
    pairs: Sequence[tuple[int, int]], predicted: Sequence[ObjectDistance], truth: TrueObjects
) -> tuple[MatchedObject, ...]:
    links = links_of_matched(pairs, predicted, truth.objects)
    return tuple(
        MatchedObject(predicted[k], _annotated(truth, m), link) for (k, m), link in zip(pairs, links, strict=True)
    )


def _annotated(truth: TrueObjects, index: int) -> ObjectDistance:
    """A true object with the annotation's ids and the true median."""
    item = truth.objects[index]
    return replace(
        item,
        id=truth.ids[index],
        parent_id=None if item.parent_id is None else truth.ids[item.parent_id],
        distance=replace(item.distance, median=truth.median_m[index]),
    )


def _category_pairs(
    pairs: Sequence[tuple[int, int]], predicted: Sequence[str], true: Sequence[str]
) -> tuple[tuple[str | None, str | None], ...]:
    """(true, predicted) categories of every object once: pairs, then missed objects, then false detections."""
    found, seen = {k for k, _ in pairs}, {m for _, m in pairs}
    missed = [(category, None) for m, category in enumerate(true) if m not in seen]
    invented = [(None, category) for k, category in enumerate(predicted) if k not in found]
    return (*((true[m], predicted[k]) for k, m in pairs), *missed, *invented)


def _distance_errors(
    pairs: Sequence[tuple[int, int]], objects: Sequence[ObjectDistance], true_median_m: Sequence[float]
) -> tuple[float, ...]:
    errors = (abs(objects[k].distance.median - true_median_m[m]) / true_median_m[m] for k, m in pairs)
    return tuple(error for error in errors if math.isfinite(error))


def _surface_errors(
    pairs: Sequence[tuple[int, int]], objects: Sequence[ObjectDistance], true: Sequence[ObjectDistance]
) -> tuple[SurfaceError, ...]:
    errors = []
    for k, m in pairs:
        found, truth = objects[k].distance, true[m].distance
        depth_m = truth.max - truth.min
        if depth_m > 0 and math.isfinite(found.max - found.min):  # false for NaN
            nearest, farthest = abs(found.min / truth.min - 1), abs(found.max / truth.max - 1)
            errors.append(SurfaceError(nearest, farthest, (found.max - found.min) / depth_m))
    return tuple(errors)


def score_links(
    pairs: Sequence[tuple[int, int]], predicted: Sequence[ObjectDistance], true: Sequence[ObjectDistance]
) -> LinkScore:
    """Count the links of matched children; ids are positions in `predicted` and `true`."""
    return sum(links_of_matched(pairs, predicted, true), LinkScore())


def links_of_matched(
    pairs: Sequence[tuple[int, int]], predicted: Sequence[ObjectDistance], true: Sequence[ObjectDistance]
) -> list[LinkScore]:
    """The link, if any, of each matched child, in the order of `pairs`."""
    match_of, found = dict(pairs), {match for _, match in pairs}
    scores = []
    for index, match in pairs:
        parent, true_parent = predicted[index].parent_id, true[match].parent_id
        correct = parent is not None and true_parent is not None and match_of.get(parent) == true_parent
        counts = (correct, parent is not None, true_parent is not None, parent in match_of, true_parent in found)
        scores.append(LinkScore(*map(int, counts)))
    return scores
