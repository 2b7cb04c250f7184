"""Folder of a report: report.json, report.html, report.md, objects.csv, frames.csv and pictures."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.atomic_file import write_file, write_json
from unity_depth_perception.core.files.output_folder import make_folder
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import SampleSource
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator
from unity_depth_perception.evaluation.report.distances import compared_objects, summarise_distances
from unity_depth_perception.evaluation.report.html_page import report_page
from unity_depth_perception.evaluation.report.markdown import to_markdown
from unity_depth_perception.evaluation.report.plots.overview import confusion_png, errors_png, report_plots
from unity_depth_perception.evaluation.report.tables import frames_csv, objects_csv
from unity_depth_perception.evaluation.report.worst_frames import WorstFrame, worst_frames
from unity_depth_perception.evaluation.summary import summarise
from unity_depth_perception.export.comparison import join_panels

_DISTRIBUTIONS = ("unity-depth-perception", "torch", "torchvision", "numpy")
_ERRORS = "errors.png"
_CONFUSION = "confusion.png"


class NamedSamples(SampleSource, Protocol):
    """Samples with the path, or the name, that a report gives for them."""

    @property
    def path(self) -> Path: ...


def write_report(output: Path, evaluation: Evaluation, evaluator: Evaluator, dataset: NamedSamples) -> dict[str, Any]:
    """Write the files of a report.

    Equal results give equal files, but for the speed, which report.html and report.md state; report.json has none.

    Returns:
        The content of report.json, and `fps`.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    make_folder(output)
    worst = worst_frames(evaluation, evaluator, dataset)
    report = summarise(evaluation) | {
        "object_distances": summarise_distances(compared_objects(evaluation)),
        "models": {"depth": evaluator.depth_model, "segmentation": evaluator.segmentation_model},
        "camera_pose": "used where known" if evaluator.use_camera_pose else "withheld",
        "device": str(evaluator.device),
        "threads": torch.get_num_threads(),
        "dataset": str(dataset.path),
        "worst": {kind: [frame.to_json() for frame in frames] for kind, frames in worst.items()},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _DISTRIBUTIONS},
    }
    try:
        _write_pictures(output, evaluation, report, worst)
        write_json(output / "report.json", {k: v for k, v in report.items() if k != "fps"}, indent=2)
        for name, text in (
            ("objects.csv", objects_csv(evaluation)),
            ("frames.csv", frames_csv(evaluation)),
            ("report.md", to_markdown(report, _ERRORS, _CONFUSION)),
            ("report.html", report_page(report, report_plots(evaluation, report), worst)),
        ):
            write_file(output / name, text.encode(errors="backslashreplace"), durable=False)  # lone surrogates in names
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot write the report: {error}; choose another --output") from None
    return report


def _write_pictures(
    output: Path, evaluation: Evaluation, report: dict[str, Any], worst: dict[str, list[WorstFrame]]
) -> None:
    for frame in (frame for frames in worst.values() for frame in frames):
        write_image(output / frame.picture, join_panels(frame.panels))
    write_file(output / _ERRORS, errors_png(evaluation), durable=False)
    if report["objects"] is not None:
        write_file(output / _CONFUSION, confusion_png(report), durable=False)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # run from a source tree
        return None
