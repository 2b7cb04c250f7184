"""Report of an evaluation as a folder: report.json, report.md and pictures."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.files.atomic_file import write_file, write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.files.output_folder import make_folder
from unity_depth_perception.dataset.sources import DatasetSamples
from unity_depth_perception.evaluation.confusion import INVENTED, MISSED, mistakes
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator
from unity_depth_perception.evaluation.plots import save_confusion_plot, save_error_plot
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.evaluation.worst_frames import WORST_PICTURES, write_worst

_DISTRIBUTIONS = ("unity-depth-perception", "torch", "torchvision", "numpy")
_PLOT = "errors.png"
_CONFUSION = "confusion.png"
REPORT_FILES = ("report.json", "report.md", _PLOT, _CONFUSION, *WORST_PICTURES)
"""Names of the files of a report."""
_MOST_MISTAKES = 10  # listed in report.md; report.json and the picture have all
_DEFINITIONS = """## How it is measured

Depth: each measure is the mean over the frames of its value over the pixels whose truth is finite.
`sq_rel` and `rmse` are in metres, `si_log` is times 100; `coverage` is the share of those pixels that have a depth.
`mask_ap` and `mask_ap50`, `box_ap` and `box_ap50` are COCO's average precision (pycocotools). They rate the ranking of
all candidates of the network, also those below the score threshold, each in every category; masks may overlap.
Objects: a predicted object matches a true object of the same category if the IoU of their masks is at least 0.5.
`recall_any_category` and the confusion of categories match by IoU alone: *missed* is a true object that no prediction
covers, *invented* a prediction where there is no object.
`distance_median_rel_error`, `_p90_` and `_p95_` are the 50th, 90th and 95th percentile over the matched objects of
|median - true median| / true median.
`distance_min_*` and `distance_max_*` are those of the nearest and the farthest depth of the visible surface.
`box_depth_median_ratio` is the median of the depth (max - min) of the 3D boxes over the true one,
`box_depth_over_twice` the share of the boxes that are more than twice as deep.
A link (child stands on parent) counts if the child is matched; it is correct if its parent is matched too, to the true
parent of the child's match. `parent_f1` = 2 correct / (predicted + true) of these links; `parent_f1_between_matched` is
that of the links whose parents are matched too, so that missed parents do not count.
The errors of a frame are the objects missed, invented or of a wrong category (which counts twice), and the links missed
or invented."""


def write_report(output: Path, evaluation: Evaluation, evaluator: Evaluator, dataset: DatasetSamples) -> dict[str, Any]:
    """Write report.json, report.md, errors.png, confusion.png and pictures of the worst frames.

    Equal results give an equal report.json: it has no times.

    Returns:
        The content of report.json, and `fps`.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    make_folder(output)
    try:
        report = summarise(evaluation) | {
            "models": {"depth": evaluator.depth_model, "segmentation": evaluator.segmentation_model},
            "camera_pose": "used where known" if evaluator.use_camera_pose else "withheld",
            "device": str(evaluator.device),
            "threads": torch.get_num_threads(),
            "dataset": str(dataset.path),
            "worst": write_worst(output, evaluation, evaluator, dataset),
            "versions": {"python": platform.python_version()} | {name: _version(name) for name in _DISTRIBUTIONS},
        }
        _write_plot(output / _PLOT, evaluation)
        if report["objects"] is not None:
            save_confusion_plot(output / _CONFUSION, report["objects"]["confusion"])
        write_json(output / "report.json", {k: v for k, v in report.items() if k != "fps"}, indent=2)
        write_file(output / "report.md", to_markdown(report).encode())
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot write the report: {error}; choose another --output") from None
    return report


def is_of_report(taken: Path) -> bool:
    """Whether version 0.1, which left no marker, wrote this file of a report: report.json lies beside it."""
    try:
        return {"models", "versions"} <= read_json_object(taken.parent / "report.json", "a report").keys()
    except InputError:
        return False


def _write_plot(path: Path, evaluation: Evaluation) -> None:
    save_error_plot(
        path,
        [frame.depth.abs_rel for frame in evaluation.frames if frame.depth is not None],
        [error for frame in evaluation.frames if frame.objects is not None for error in frame.objects.distance_errors],
    )


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # run from a source tree
        return None


def to_markdown(report: dict[str, Any]) -> str:
    """Format the content of report.json as Markdown."""
    models = report["models"]
    lines = [
        f"# Evaluation of {Path(report['dataset']).name}",
        "",
        f"{report['frames']} frames at {report['fps']:.1f} frames/s on {report['device']}; "
        f"depth: `{models['depth']}`, masks: `{models['segmentation']}`.",
    ]
    lines += _images("{} images failed:", report["failed"])
    lines += _images("The camera's pose was not used in {} images:", report["poses_refused"])
    for part in ("depth", "objects"):
        lines += ["", f"## {part.capitalize()}", ""]
        lines += _table(report[part]) if report[part] is not None else [f"Not measured: {report['reasons'][part]}."]
    if report["objects"] is not None:
        lines += ["", "## Categories", "", *_category_table(report["objects"]["per_category"])]
        lines += ["", "## Confusion", "", *_mistake_lines(report["objects"]["confusion"])]
        lines += ["", f"![which category is taken for which]({_CONFUSION})"]
    lines += ["", "## Errors", "", f"![percentiles of the errors]({_PLOT})"]
    for kind, frames in report["worst"].items():
        lines += ["", f"## Worst frames by {kind}"] if frames else []
        for frame in frames:
            lines += ["", _caption(kind, frame), "", f"![{frame['image']}]({frame['picture']})"]
    return "\n".join([*lines, "", _DEFINITIONS]) + "\n"


def _images(title: str, named: list[dict[str, str]]) -> list[str]:
    """List images with their errors, under a title with their number; empty if there are none."""
    lines = [f"- {one['image']}: {one['error']}" for one in named]
    return ["", title.format(len(lines)), "", *lines] if lines else []


def _caption(kind: str, frame: dict[str, Any]) -> str:
    """Name and error of a frame."""
    if frame["error"] is None:
        return f"{frame['image']}: no depth at all"
    error = f"AbsRel {100 * frame['error']:.1f} %" if kind == "depth" else f"{frame['error']:.0f} errors"
    return f"{frame['image']}: {error}"


def _table(values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {_cell(value)} |" for name, value in values.items() if not isinstance(value, dict)]
    return ["| measure | value |", "|---|---|", *rows]


def _category_table(categories: dict[str, dict[str, Any]]) -> list[str]:
    columns = ("true", "predicted", "matched", "precision", "recall")
    rows = [
        f"| {name} | " + " | ".join(_cell(values[column]) for column in columns) + " |"
        for name, values in categories.items()
    ]
    return ["| category | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|", *rows]


def _mistake_lines(table: dict[str, dict[str, int]]) -> list[str]:
    """The most frequent mistakes in words."""
    lines = []
    for true, predicted, count in mistakes(table)[:_MOST_MISTAKES]:
        if true == INVENTED:
            lines.append(f"- {count} x {predicted} where there is none")
        elif predicted == MISSED:
            lines.append(f"- {count} x {true} missed")
        else:
            lines.append(f"- {count} x {true} taken for {predicted}")
    return lines or ["No object was missed, invented or given a wrong category."]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
