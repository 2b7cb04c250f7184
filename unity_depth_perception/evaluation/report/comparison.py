"""Comparison of several reports, models side by side: comparison.json and comparison.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.files.atomic_file import write_file, write_json
from unity_depth_perception.core.files.output_folder import make_folder
from unity_depth_perception.evaluation.report.definitions import MEASURES, shown
from unity_depth_perception.evaluation.report.html_page import render
from unity_depth_perception.evaluation.report.plots import models as model_plots
from unity_depth_perception.evaluation.report.plots.svg import SERIES, Plot, themed_plot
from unity_depth_perception.evaluation.report.published import NOTE, PUBLISHED, published_table
from unity_depth_perception.evaluation.report.words import comparison_sentences

COMPARISON_FILES = ("comparison.json", "comparison.html")
"""Names of the files of a comparison."""
_MEASURES = (
    ("objects", "distance_median_rel_error"),
    ("objects", "distance_p90_rel_error"),
    ("objects", "recall"),
    ("objects", "precision"),
    ("objects", "mask_ap"),
    ("objects", "parent_f1"),
    ("depth", "abs_rel"),
    ("depth", "rmse"),
    ("depth", "si_log"),
    ("depth", "delta1"),
    ("depth", "coverage"),
)
_KEPT = (
    "models",
    "frames",
    "depth",
    "objects",
    "object_distances",
    "metrics",
    "reasons",
    "device",
    "threads",
    "camera_pose",
)

Reports = Mapping[tuple[str, str], Mapping[str, Any]]
"""Contents of report.json by (source, model)."""


class _Row(NamedTuple):
    """A measure of all models of a source; cells are (text, is the best)."""

    label: str
    better: str
    cells: tuple[tuple[str, bool], ...]


def write_comparison(
    output: Path, reports: Reports, pages: Mapping[tuple[str, str], str] | None = None
) -> dict[str, Any]:
    """Write comparison.json and comparison.html: for each source its models side by side.

    Args:
        reports: contents of report.json, and `fps` where known, by names of source and model; shown in this order.
        pages: path of each report.html relative to `output`, for links; None: no links.

    Returns:
        The content of comparison.json.

    Raises:
        InputError: there is no report.
        ConfigurationError: the folder cannot be made or written.
    """
    if not reports:
        raise InputError("expected at least one report to compare, got none")
    make_folder(output)
    content = _content(reports)
    try:
        write_json(output / "comparison.json", content, indent=2)
        page = _page(reports, pages or {})
        write_file(output / "comparison.html", page.encode(errors="backslashreplace"), durable=False)
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot write the comparison: {error}; choose another --output") from None
    return content


def _content(reports: Reports) -> dict[str, Any]:
    """Each report without pictures, lists of images and times, and the published figures."""
    entries = [
        {"source": source, "model": model, "failed": len(report["failed"])}
        | {name: report[name] for name in _KEPT if name in report}
        for (source, model), report in reports.items()
    ]
    return {"reports": entries, "published": [figure._asdict() for figure in PUBLISHED], "published_note": NOTE}


def _page(reports: Reports, pages: Mapping[tuple[str, str], str]) -> str:
    sources: dict[str, dict[str, Mapping[str, Any]]] = {}
    for (source, model), report in reports.items():
        sources.setdefault(source, {})[model] = report
    names = {(source, model): model if len(sources) == 1 else f"{model} on {source}" for source, model in reports}
    return render(
        "comparison.html",
        title="Comparison of models",
        sources=[
            (
                source,
                comparison_sentences(models),
                [(model, pages.get((source, model)), _remark(report)) for model, report in models.items()],
                _rows(list(models.values())),
                [shown("fps", report.get("fps")) for report in models.values()],
                _plots(f"source-{number}", models),
            )
            for number, (source, models) in enumerate(sources.items())
        ],
        published=published_table({names[key]: report for key, report in reports.items()}),
        published_note=NOTE,
        measured=len(reports),
    )


def _remark(report: Mapping[str, Any]) -> str:
    failed = f", {len(report['failed'])} failed" if report["failed"] else ""
    return f"{report['frames']} frames{failed}"


def _rows(reports: Sequence[Mapping[str, Any]]) -> Iterator[_Row]:
    for part, name in _MEASURES:
        values = [None if report[part] is None else report[part].get(name) for report in reports]
        known = [value for value in values if value is not None]
        if known:
            measure = MEASURES[name]
            best = min(known) if measure.better == "lower" else max(known)
            is_choice = len(set(known)) > 1
            cells = tuple((shown(name, value), is_choice and value == best) for value in values)
            yield _Row(measure.label, measure.better, cells)


def _plots(name: str, models: Mapping[str, Mapping[str, Any]]) -> list[Plot]:
    known = {model: report["object_distances"] for model, report in models.items() if report["object_distances"]}
    drawn = dict(list(known.items())[:SERIES])
    if not drawn:
        return []
    only = f" The first {SERIES} of {len(known)} models." if len(known) > SERIES else ""
    return [
        themed_plot(
            f"{name}-curves",
            "Distance error of objects",
            f"Share of the matched objects whose distance is off by less than a value.{only}",
            partial(model_plots.percentile_curves_plot, distances=drawn),
        ),
        themed_plot(
            f"{name}-distance",
            "Error by distance",
            f"Median distance error of the objects in each range of true distance.{only}",
            partial(model_plots.error_by_distance_curves_plot, distances=drawn),
        ),
    ]
