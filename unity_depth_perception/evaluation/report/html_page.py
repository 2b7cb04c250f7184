"""HTML pages of reports: one file each, with pictures inside, for light and dark screens and for phones.

Names of files and categories come from data sets: the templates escape everything that is not marked as safe.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import jinja2
from markupsafe import Markup, escape

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.evaluation.confusion import axes
from unity_depth_perception.evaluation.report.definitions import DEFINITIONS, MEASURES, shown
from unity_depth_perception.evaluation.report.markdown import caption
from unity_depth_perception.evaluation.report.measure_tables import Table, measure_tables
from unity_depth_perception.evaluation.report.plots.svg import Plot
from unity_depth_perception.evaluation.report.published import NOTE, published_table
from unity_depth_perception.evaluation.report.words import headline, summary_sentences
from unity_depth_perception.evaluation.report.worst_frames import WorstFrame
from unity_depth_perception.export.text import Picture

_TEMPLATES = Path(__file__).parent / "templates"
_PANEL_PX = 480  # height of a panel in the page
_QUALITY = 82  # of the pictures in the page
_SHOWN_ELSEWHERE = {"depth", "objects", "failed", "poses_refused", "worst", "models", "versions", "reasons"}


class Panel(NamedTuple):
    """A picture within a page."""

    title: str
    alt: str
    source: str  # data URI
    width: int
    height: int


def report_page(report: Mapping[str, Any], plots: Sequence[Plot], worst: Mapping[str, Sequence[WorstFrame]]) -> str:
    """The page of one report: summary in words, plots, worst frames, all measures."""
    objects = report["objects"]
    return render(
        "report.html",
        title=f"Evaluation of {Path(report['dataset']).name}",
        headline=headline(report),
        sentences=summary_sentences(report),
        figures=_key_figures(report),
        plots=plots,
        worst={
            kind: [(caption(kind, frame.to_json()), frame.wrong_objects(), _panels(frame)) for frame in frames]
            for kind, frames in worst.items()
        },
        confusion=None if objects is None else _confusion_rows(objects["confusion"]),
        published=published_table({f"{report['models']['depth']} (this report)": report}),
        published_note=NOTE,
        tables=_tables(report),
        definitions=DEFINITIONS,
        report=report,
    )


def render(template: str, **values: Any) -> str:
    """Fill a template; what is missing in it raises jinja2.UndefinedError."""
    return _environment().get_template(f"{template}.j2").render(values)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["marked"] = _marked
    return environment


def _marked(text: str) -> Markup:
    """Text with `code` and *emphasis* as HTML."""
    return Markup(re.sub(r"`([^`]+)`|\*([^*`]+)\*", _element, str(escape(text))))


def _element(found: re.Match[str]) -> str:
    return f"<code>{found[1]}</code>" if found[1] else f"<em>{found[2]}</em>"


def _key_figures(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, remark) of the measures that people ask for first."""
    figures = []
    for part, name, remark in (
        ("objects", "distance_median_rel_error", "distance_p90_rel_error"),
        ("depth", "abs_rel", "delta1"),
        ("objects", "recall", "precision"),
        ("objects", "parent_f1", "links_true"),
    ):
        values = report[part]
        if values is not None and values[name] is not None:
            figures.append((MEASURES[name].label, shown(name, values[name]), _remark(remark, values[remark])))
    return figures


def _remark(name: str, value: Any) -> str:
    return f"{MEASURES[name].label}: {shown(name, value)}"


def _confusion_rows(
    table: Mapping[str, Mapping[str, int]],
) -> tuple[list[str], list[tuple[str, list[tuple[int, float, bool]]]]]:
    """Names of the columns; each row with its cells (count, share of the row, is right)."""
    rows, columns = axes(table)
    filled = []
    for row in rows:
        counts = [table.get(row, {}).get(column, 0) for column in columns]
        total = sum(counts) or 1
        if any(counts) or row == rows[-1]:
            cells = zip(counts, columns, strict=True)
            filled.append((row, [(count, count / total, row == column) for count, column in cells]))
    return columns, filled


def _tables(report: Mapping[str, Any]) -> list[Table]:
    tables: list[Table] = []
    for part in ("depth", "objects"):
        if report[part] is not None:
            values = {name: value for name, value in report[part].items() if name != "confusion"}
            tables += measure_tables(part.capitalize(), values)
    rest = {name: value for name, value in report.items() if name not in _SHOWN_ELSEWHERE and isinstance(value, dict)}
    for name, value in rest.items():
        tables += measure_tables(name.replace("_", " ").capitalize(), value)
    return tables


def _panels(frame: WorstFrame) -> list[list[Panel]]:
    """The panels of a frame, row by row, as data URIs."""
    return [[_panel(title, picture, _alt(title, frame)) for title, picture in row] for row in frame.panels]


def _alt(title: str, frame: WorstFrame) -> str:
    text = f"{title.capitalize()} of {frame.image}"
    for side, objects in (("true objects", frame.true.objects), ("predicted objects", frame.predicted.objects)):
        if title == side:
            text += ": " + (", ".join(map(_object_text, objects)) or "none")
    return text


def _object_text(item: ObjectDistance) -> str:
    return f"{item.category} at {shown('from_m', item.distance.median)}"


def _panel(title: str, picture: Picture, alt: str) -> Panel:
    height = min(picture.shape[0], _PANEL_PX)
    width = max(round(picture.shape[1] * height / picture.shape[0]), 1)
    if height < picture.shape[0]:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    _, code = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    source = f"data:image/webp;base64,{base64.b64encode(code.tobytes()).decode()}"
    return Panel(title, alt, source, width, height)
