"""An evaluation as a folder: report.json, report.md and pictures."""

from __future__ import annotations

import json
import math
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator, FrameScore
from unity_depth_perception.evaluation.plots import save_error_plot
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.export.pictures import comparison_picture

_DISTRIBUTIONS = ("unity-depth-perception", "torch", "torchvision", "numpy")
_WORST = 3  # pictures of each kind
_PLOT = "errors.png"
_DEFINITIONS = """## How it is measured

Depth: each measure is the mean over the frames of its value over the pixels whose truth is finite.
Objects: a predicted object matches a true one of the same category if their masks' IoU is at least 0.5.
`distance_median_rel_error` is the median over the matched objects of |median - true median| / true median.
A link (child stands on parent) counts if the child is matched; it is correct if its parent is matched too, to the true
parent of the child's match. `parent_f1` = 2 correct / (predicted + true) of these links."""


def make_folder(output: Path) -> None:
    """Make the report's folder: before an evaluation, so that hours of work have a place to go.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot make the report's folder: {error}; choose another") from None


def write_report(output: Path, evaluation: Evaluation, evaluator: Evaluator, dataset: UnityDataset) -> dict[str, Any]:
    """Write report.json, report.md, errors.png and pictures of the worst frames.

    Returns:
        The content of report.json.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    make_folder(output)
    try:
        report = summarise(evaluation) | {
            "models": {"depth": evaluator.depth_model, "segmentation": evaluator.segmentation_model},
            "camera_pose": "used where known" if evaluator.use_camera_pose else "withheld",
            "device": str(evaluator.device),
            "dataset": str(dataset.path),
            "worst": _write_pictures(output, evaluation, evaluator, dataset),
            "versions": {"python": platform.python_version()} | {name: _version(name) for name in _DISTRIBUTIONS},
        }
        _write_plot(output / _PLOT, evaluation)
        (output / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (output / "report.md").write_text(to_markdown(report), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot write the report: {error}; choose another --output") from None
    return report


def _write_plot(path: Path, evaluation: Evaluation) -> None:
    save_error_plot(
        path,
        [frame.depth.abs_rel for frame in evaluation.frames if frame.depth is not None],
        [error for frame in evaluation.frames if frame.objects is not None for error in frame.objects.distance_errors],
    )


def _write_pictures(
    output: Path, evaluation: Evaluation, evaluator: Evaluator, dataset: UnityDataset
) -> dict[str, list[dict[str, Any]]]:
    """Pictures of the frames with the largest AbsRel and with the most object errors (none for a flawless frame)."""
    worst: dict[str, list[dict[str, Any]]] = {}
    for kind, badness in (("depth", _depth_badness), ("objects", _objects_badness)):
        rated = [(badness(frame), frame) for frame in evaluation.frames]
        rated = sorted((pair for pair in rated if pair[0] > 0), key=lambda pair: -pair[0])[:_WORST]
        worst[kind] = []
        for rank, (value, frame) in enumerate(rated, start=1):
            name = f"worst_{kind}_{rank}.png"
            _save(output / name, _picture(evaluator, dataset[frame.index]))
            error = value if math.isfinite(value) else None
            worst[kind].append({"image": frame.image, "error": error, "picture": name})
    return worst


def _depth_badness(frame: FrameScore) -> float:
    """AbsRel; infinite where the truth is known and nothing was predicted."""
    if frame.depth is None or not frame.depth.pixel_count:
        return 0.0
    return frame.depth.abs_rel if math.isfinite(frame.depth.abs_rel) else math.inf


def _objects_badness(frame: FrameScore) -> float:
    return float(frame.objects.errors) if frame.objects is not None else 0.0


def _picture(evaluator: Evaluator, sample: Sample) -> np.ndarray[Any, np.dtype[np.uint8]]:
    result = evaluator.process(sample)
    instances = result.segmentation.instances.cpu().numpy()
    depth_m = result.depth.depth_m.cpu().numpy()
    return comparison_picture(sample.image, instances, result.objects, depth_m, sample.depth_m)


def _save(path: Path, picture: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    if not cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1])):
        raise OSError(f"cannot write {path.name}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # run from a source tree
        return None


def to_markdown(report: dict[str, Any]) -> str:
    """The content of report.json for people."""
    models = report["models"]
    lines = [
        f"# Evaluation of {Path(report['dataset']).name}",
        "",
        f"{report['frames']} frames at {report['fps']:.1f} frames/s on {report['device']}; "
        f"depth: `{models['depth']}`, masks: `{models['segmentation']}`.",
    ]
    if report["failed"]:
        lines += ["", f"{len(report['failed'])} images failed:", ""]
        lines += [f"- {failure['image']}: {failure['error']}" for failure in report["failed"]]
    for part in ("depth", "objects"):
        lines += ["", f"## {part.capitalize()}", ""]
        lines += _table(report[part]) if report[part] is not None else [f"Not measured: {report['reasons'][part]}."]
    if report["objects"] is not None:
        lines += ["", "## Categories", "", *_category_table(report["objects"]["per_category"])]
    lines += ["", "## Errors", "", f"![percentiles of the errors]({_PLOT})"]
    for kind, frames in report["worst"].items():
        lines += ["", f"## Worst frames by {kind}"] if frames else []
        for frame in frames:
            lines += ["", f"{frame['image']}", "", f"![{frame['image']}]({frame['picture']})"]
    return "\n".join([*lines, "", _DEFINITIONS]) + "\n"


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


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
