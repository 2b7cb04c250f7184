"""Content of report.json as Markdown, for terminals and pull requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unity_depth_perception.evaluation.confusion import INVENTED, MISSED, mistakes
from unity_depth_perception.evaluation.report.definitions import DEFINITIONS, percent
from unity_depth_perception.evaluation.report.words import summary_sentences

_MOST_MISTAKES = 10  # listed; report.json and the picture have all


def to_markdown(report: dict[str, Any], errors_picture: str, confusion_picture: str) -> str:
    """Format the content of report.json as Markdown, with the names of two pictures."""
    models = report["models"]
    lines = [
        f"# Evaluation of {_text(Path(report['dataset']).name)}",
        "",
        f"{report['frames']} frames at {report['fps']:.1f} frames/s on {report['device']}; "
        f"depth: `{models['depth']}`, masks: `{models['segmentation']}`.",
        "",
        *(f"- {_text(sentence)}" for sentence in summary_sentences(report)),
    ]
    lines += _images("{} images failed:", report["failed"])
    lines += _images("The camera's pose was not used in {} images:", report["poses_refused"])
    for part in ("depth", "objects"):
        lines += ["", f"## {part.capitalize()}", ""]
        lines += _table(report[part]) if report[part] is not None else [f"Not measured: {report['reasons'][part]}."]
    if report["objects"] is not None:
        lines += ["", "## Categories", "", *_category_table(report["objects"]["per_category"])]
        lines += ["", "## Confusion", "", *_mistake_lines(report["objects"]["confusion"])]
        lines += ["", f"![which category is taken for which]({confusion_picture})"]
    lines += ["", "## Errors", "", f"![percentiles of the errors]({errors_picture})"]
    for kind, frames in report["worst"].items():
        lines += ["", f"## Worst frames by {kind}"] if frames else []
        for frame in frames:
            lines += ["", _text(caption(kind, frame)), "", f"![{_text(frame['image'])}]({frame['picture']})"]
    return "\n".join([*lines, "", "## How it is measured", "", "\n\n".join(DEFINITIONS)]) + "\n"


def caption(kind: str, frame: dict[str, Any]) -> str:
    """Name and error of a worst frame."""
    if frame["error"] is None:
        return f"{frame['image']}: no depth at all"
    error = f"AbsRel {percent(frame['error'])}" if kind == "depth" else f"{frame['error']:.0f} errors"
    return f"{frame['image']}: {error}"


def _text(text: str) -> str:
    """A text whose signs mean nothing in Markdown tables, links and HTML."""
    for sign, shown in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("[", "\\["), ("]", "\\]"), ("\n", " ")):
        text = text.replace(sign, shown)
    return text


def _images(title: str, named: list[dict[str, str]]) -> list[str]:
    """List images with their errors, under a title with their number; empty if there are none."""
    lines = [f"- {_text(one['image'])}: {_text(one['error'])}" for one in named]
    return ["", title.format(len(lines)), "", *lines] if lines else []


def _table(values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {_cell(value)} |" for name, value in values.items() if not isinstance(value, dict | list)]
    return ["| measure | value |", "|---|---|", *rows]


def _category_table(categories: dict[str, dict[str, Any]]) -> list[str]:
    columns = ("true", "predicted", "matched", "precision", "recall")
    rows = [
        f"| {_text(name)} | " + " | ".join(_cell(values[column]) for column in columns) + " |"
        for name, values in categories.items()
    ]
    return ["| category | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|", *rows]


def _mistake_lines(table: dict[str, dict[str, int]]) -> list[str]:
    """The most frequent mistakes in words."""
    lines = []
    for true, predicted, count in mistakes(table)[:_MOST_MISTAKES]:
        true_name, predicted_name = _text(true), _text(predicted)
        if true == INVENTED:
            lines.append(f"- {count} x {predicted_name} where there is none")
        elif predicted == MISSED:
            lines.append(f"- {count} x {true_name} missed")
        else:
            lines.append(f"- {count} x {true_name} taken for {predicted_name}")
    return lines or ["No object was missed, invented or given a wrong category."]


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else _text(str(value))
