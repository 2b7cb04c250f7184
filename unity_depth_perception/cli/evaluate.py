"""`unity-depth evaluate`: errors of the pipeline over a dataset folder against its ground truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.options import (
    DepthModelOption,
    DepthWeightsOption,
    DeviceOption,
    SegmentationModelOption,
    require_datasets,
    require_files,
)
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.files.output_folder import output_folder, require_apart


class Origin(StrEnum):
    """Origin of a stage's result: its model, or the ground truth."""

    MODEL = "model"
    TRUTH = "truth"


def evaluate(
    dataset: Annotated[
        list[Path], typer.Argument(metavar="DATASET...", help="Dataset folders (also SOLO ones); several are one.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for report.json, report.md and pictures.")],
    depth_model: DepthModelOption = "compact",
    depth_weights: DepthWeightsOption = None,
    segmentation_model: SegmentationModelOption = "compact",
    masks: Annotated[Origin, typer.Option(help="truth replaces the segmentation model by the dataset's masks.")] = (
        Origin.MODEL
    ),
    depth: Annotated[
        Origin, typer.Option(help="truth replaces the depth model by the dataset's depth.")
    ] = Origin.MODEL,
    camera_pose: Annotated[
        bool, typer.Option(help="Give the dataset's camera poses to the pipeline, as a live system may.")
    ] = True,
    device: DeviceOption = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N images.")] = None,
) -> None:
    """Report the pipeline's errors over a dataset folder against its ground truth; exit code 1 if an image failed."""
    require_datasets(dataset)
    require_files(depth_weights, depth_model, segmentation_model)

    import torch

    from unity_depth_perception.dataset.sources import CombinedDataset, open_source
    from unity_depth_perception.evaluation.evaluator import Evaluator
    from unity_depth_perception.evaluation.report import REPORT_FILES, is_of_report, write_report
    from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter, require_usable
    from unity_depth_perception.models.runtime.device import resolve_device

    parts = [open_source(path) for path in dataset]
    data = parts[0] if len(parts) == 1 else CombinedDataset(parts)
    depth_name = depth_model if depth is Origin.MODEL else None
    segmentation_name = segmentation_model if masks is Origin.MODEL else None
    require_usable(depth_name, segmentation_name)
    chosen = resolve_device(device, torch.cuda.is_available())
    evaluator = Evaluator(
        None if depth_name is None else create_depth_estimator(depth_name, chosen, depth_weights),
        None if segmentation_name is None else create_segmenter(segmentation_name, chosen),
        chosen,
        use_camera_pose=camera_pose,
    )
    for path in dataset:
        require_apart(output, path)
    with (
        kept_on_interrupt(lambda: "the report is written at the end, so there is none"),
        output_folder(output, REPORT_FILES, known=is_of_report),
    ):
        evaluation = evaluator.evaluate(data, limit, lambda indices: track(indices, len(indices), "evaluating"))
        report = write_report(output, evaluation, evaluator, data)
    _print(report, output)
    if report["failed"]:
        raise typer.Exit(1)


def _print(report: dict[str, Any], output: Path) -> None:
    console = Console()
    for part in ("depth", "objects"):
        if report[part] is None:
            console.print(f"{part}: not measured: {report['reasons'][part]}", markup=False)
            continue
        table = Table("measure", "value", title=part, title_justify="left", box=None)
        for name, value in report[part].items():
            if not isinstance(value, dict):
                table.add_row(name, _cell(value))
        console.print(table)
    for refused in report["poses_refused"]:
        console.print(f"pose not used: {refused['image']}: {refused['error']}", style="yellow", markup=False)
    for failure in report["failed"]:
        console.print(f"failed: {failure['image']}: {failure['error']}", style="red", markup=False)
    console.print(f"{report['frames']} frames, {report['fps']:.2f} frames/s: {output / 'report.md'}", markup=False)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
