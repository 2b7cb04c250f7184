"""Summary of a report in plain sentences, made from the numbers in report.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unity_depth_perception.evaluation.confusion import INVENTED, MISSED, mistakes
from unity_depth_perception.evaluation.report.definitions import percent

_ENOUGH_FOR_P90 = 10  # objects; of fewer, "9 of 10" says nothing
_MOST = 0.5  # of all error is "most"
_LIFT = 1.5  # least ratio of a group's share of the error to its share of the objects, to name the group
_BIAS = 0.6  # least |median signed error| over the median error to call it a bias: scattered errors have about 0
_LEAST_BIAS = 0.002
_COMPLETE = 0.995  # coverage from which missing pixels are not worth a sentence
_CLEARLY = 1.05  # least ratio of two errors to call one of the models better

Report = Mapping[str, Any]


class _Group(NamedTuple):
    """Some of the objects: their share of all objects, and of the sum of all errors."""

    name: str
    of_objects: float
    of_error: float


def summary_sentences(report: Report) -> list[str]:
    """Sentences that say what a report's numbers mean, the most important first."""
    return [
        *_distance_sentences(report),
        *_object_sentences(report),
        *_depth_sentences(report),
        *_frame_sentences(report),
    ]


def headline(report: Report) -> str:
    """What was evaluated, in one sentence."""
    models = report["models"]
    parts = [
        "true depth" if models["depth"] == "truth" else f"depth by {models['depth']}",
        "true masks" if models["segmentation"] == "truth" else f"masks by {models['segmentation']}",
    ]
    return f"{_counted(report['frames'], 'frame')} of {Path(report['dataset']).name}, {' and '.join(parts)}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _distance_sentences(report: Report) -> Iterator[str]:
    objects, distances = report["objects"], report["object_distances"]
    if objects is None:
        yield f"Object distances could not be compared: {report['reasons']['objects']}."
    elif distances is None:
        known = "no predicted object matches a true one" if objects["matched"] == 0 else "their distances are unknown"
        yield f"Object distances could not be compared: {known}."
    elif distances["count"] == 1:
        yield f"The one object that was compared is measured {percent(distances['percentiles']['p50'])} off."
    else:
        yield from _distribution(distances)


def _distribution(distances: Report) -> Iterator[str]:
    median, p90 = distances["percentiles"]["p50"], distances["percentiles"]["p90"]
    start = f"Objects are measured {percent(median)} off in the median"
    if distances["count"] < _ENOUGH_FOR_P90:
        yield f"{start} ({distances['count']} objects, the worst {percent(distances['percentiles']['p100'])})."
    else:
        yield f"{start}; 9 of 10 are within {percent(p90)} ({distances['count']} objects)."
    signed = distances["median_signed_rel_error"]
    if abs(signed) >= max(_BIAS * median, _LEAST_BIAS):
        direction = "far" if signed > 0 else "near"
        yield f"On the whole they are measured too {direction}, by {percent(abs(signed))} in the median."
    if distances["count"] >= _ENOUGH_FOR_P90 and distances["percentiles"]["p100"] > 0:
        yield _origin_of_error(distances)


def _origin_of_error(distances: Report) -> str:
    """The smallest group of objects that causes most of the error, where there is one."""
    groups = [
        group for group in _groups(distances) if group.of_error >= _MOST and group.of_error >= _LIFT * group.of_objects
    ]
    if not groups:
        return "The error is spread over all distances and categories."
    worst = min(groups, key=lambda group: (group.of_objects, -group.of_error))
    return (
        f"Most of the error comes from {worst.name}: {percent(worst.of_objects)} of the objects, "
        f"{percent(worst.of_error)} of the error."
    )


def _groups(distances: Report) -> Iterator[_Group]:
    bins, total = distances["by_distance"], distances["count"]
    for k in range(1, len(bins)):
        edge = f"{bins[k]['from_m']:g}"
        yield _group(f"objects beyond {edge} m", bins[k:], total)
        yield _group(f"objects nearer than {edge} m", bins[:k], total)
    if len(distances["by_category"]) > 1:
        for name, one in distances["by_category"].items():
            yield _group(name, [one], total)


def _group(name: str, parts: list[Report], total: int) -> _Group:
    return _Group(
        name, sum(part["count"] for part in parts) / total, sum(part["share_of_error"] or 0 for part in parts)
    )


def _object_sentences(report: Report) -> Iterator[str]:
    objects = report["objects"]
    if objects is None or report["models"]["segmentation"] == "truth":
        return
    if objects["true"] == 0:
        yield "The true masks hold no object."
    else:
        yield (
            f"Of {_counted(objects['true'], 'true object')} {objects['matched']} "
            f"{'is' if objects['matched'] == 1 else 'are'} found ({percent(objects['recall'])})."
        )
    wrong = mistakes(objects["confusion"])
    if wrong:
        yield _most_mistakes(wrong)
    if objects["links_true"]:
        invented = objects["links_predicted"] - objects["links_correct"]
        yield (
            f"Of {_counted(objects['links_true'], 'true link')} to a parent {objects['links_correct']} "
            f"{'is' if objects['links_correct'] == 1 else 'are'} right and {invented or 'no'} wrong "
            f"{'one was' if invented == 1 else 'ones were'} predicted (F1 {percent(objects['parent_f1'])})."
        )


_ONE = {
    "missed objects": "a missed object",
    "detections where there is no object": "a detection where there is no object",
    "wrong categories": "a wrong category",
}


def _most_mistakes(wrong: list[tuple[str, str, int]]) -> str:
    """The most frequent kind of mistake in detection, with its most frequent category."""
    kinds = dict.fromkeys(_ONE, 0)
    named: dict[str, str] = {}
    for true, predicted, count in wrong:
        if predicted == MISSED:
            kind, name = "missed objects", true
        elif true == INVENTED:
            kind, name = "detections where there is no object", predicted
        else:
            kind, name = "wrong categories", f"{true} taken for {predicted}"
        kinds[kind] += count
        named.setdefault(kind, f"{name} ({count})")  # `wrong` is sorted by count
    total, worst = sum(kinds.values()), max(kinds, key=lambda kind: kinds[kind])
    if total == 1:
        return f"Detection makes one mistake: {_ONE[worst]} ({named[worst].rpartition(' (')[0]})."
    share = "all" if kinds[worst] == total else kinds[worst]
    return f"Detection makes {total} mistakes, {share} of them {worst}, most often {named[worst]}."


def _depth_sentences(report: Report) -> Iterator[str]:
    depth = report["depth"]
    if depth is None:
        yield f"Depth could not be compared: {report['reasons']['depth']}."
    elif depth["abs_rel"] is None:
        yield "The model gave no depth where the truth is known."
    else:
        yield (
            f"Depth is {percent(depth['abs_rel'])} off on average over the pixels (AbsRel); "
            f"{percent(depth['delta1'])} of them are within a factor of 1.25."
        )
        yield from _scale_sentence(depth["abs_rel"], report.get("metrics"))
        if depth["coverage"] < _COMPLETE:
            yield f"{percent(1 - depth['coverage'])} of the pixels have no depth."


def _scale_sentence(abs_rel: float, metrics: Report | None) -> Iterator[str]:
    """Whether a wrong scale of whole images causes most of the error, where alignments were computed."""
    aligned = ((metrics or {}).get("depth") or {}).get("per_image", {}).get("scale")
    if aligned is not None and aligned["abs_rel"] is not None and aligned["abs_rel"] <= (1 - _MOST) * abs_rel:
        yield f"Most of that is scale: if each image's scale were right, it would be {percent(aligned['abs_rel'])} off."


def _frame_sentences(report: Report) -> Iterator[str]:
    if report["failed"]:
        yield f"{_counted(len(report['failed']), 'image')} could not be processed and do not count here."
    if report["poses_refused"]:
        count = _counted(len(report["poses_refused"]), "image")
        yield f"The camera's pose contradicts {count} and was not used there."
    if report["frames"] == 1:
        yield "One frame says little about others: take these figures as an example."


def comparison_sentences(models: Mapping[str, Report]) -> list[str]:
    """Sentences that say which model of one source is best at what."""
    return [
        *_best(models, "objects", "distance_median_rel_error", "measures objects best", "off in the median"),
        *_best(models, "depth", "abs_rel", "has the best depth", "AbsRel"),
    ] or ["Nothing was measured that could be compared."]


def _best(models: Mapping[str, Report], part: str, name: str, praise: str, of_what: str) -> Iterator[str]:
    known = [
        (report[part][name], model)
        for model, report in models.items()
        if report[part] and report[part][name] is not None
    ]
    if len(known) == 1:
        yield f"{known[0][1]} alone was measured: {percent(known[0][0])} {of_what}."
    elif known:
        (best, winner), (next_best, second) = sorted(known)[:2]
        if next_best <= best * _CLEARLY:
            both = f"{percent(best)} and {percent(next_best)}"
            yield f"{winner} and {second} are as good as each other: {both} {of_what}."
        else:
            yield f"{winner} {praise}: {percent(best)} {of_what}, before {second} ({percent(next_best)})."
