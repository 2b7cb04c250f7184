"""`unity-depth evaluate`: errors of the pipeline over bags and datasets against their ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.options import (
    DEPTH_MODELS,
    DepthWeightsOption,
    DeviceOption,
    SegmentationModelOption,
    require_datasets,
    require_files,
)
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.output_folder import output_folder, require_apart

if TYPE_CHECKING:
    from unity_depth_perception.evaluation.runs.plan import OpenSink, ResultSink, Run
    from unity_depth_perception.evaluation.runs.run_all import Finished
    from unity_depth_perception.evaluation.runs.worker import Outcome

_BAGS = "Bags (topics are guessed; these name them)"


class Level(StrEnum):
    """Which metrics are computed: `MetricsCollection`'s levels."""

    BASIC = "basic"
    ALL = "all"


class Origin(StrEnum):
    """Origin of a stage's result: its model, or the ground truth."""

    MODEL = "model"
    TRUTH = "truth"


class Rectified(StrEnum):
    """Whether the pictures of a bag are rectified, as the parameter of the nodes."""

    AUTO = "auto"
    TRUE = "true"
    FALSE = "false"


def _topic(help_text: str) -> Any:
    return typer.Option(metavar="TOPIC", help=help_text, rich_help_panel=_BAGS)


def evaluate(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Bags (rosbag2), dataset folders, COCO files, SOLO folders."),
    ],
    output: Annotated[
        Path,
        typer.Option(help="Folder for SOURCE/MODEL/report.html, .json, .md, CSV and pictures, and comparison.html."),
    ],
    depth_model: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Path of weights of train-depth, or one of {', '.join(DEPTH_MODELS)}; several are compared. "
            "Default: compact."
        ),
    ] = None,
    depth_weights: DepthWeightsOption = None,
    segmentation_model: SegmentationModelOption = "compact",
    masks: Annotated[Origin, typer.Option(help="truth replaces the segmentation model by the source's masks.")] = (
        Origin.MODEL
    ),
    depth: Annotated[Origin, typer.Option(help="truth replaces the depth model by the source's depth.")] = Origin.MODEL,
    camera_pose: Annotated[
        bool, typer.Option(help="Give the source's camera poses to the pipeline, as a live system may.")
    ] = True,
    metrics: Annotated[Level, typer.Option(help="all adds alignments, groups, boundaries and time.")] = Level.BASIC,
    device: DeviceOption = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N images of each source.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; on GPUs at most one for each.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="torch threads of each process; written in the report.")] = 1,
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Ray cluster in place of --workers; local starts one here.")
    ] = "",
    write_bag: Annotated[
        bool, typer.Option("--write-bag", help="Also write the node's output topics to an mcap (needs ROS).")
    ] = False,
    image_topic: Annotated[str, _topic("Colour images, raw or compressed.")] = "",
    camera_info_topic: Annotated[str, _topic("Intrinsics.")] = "",
    depth_topic: Annotated[str, _topic("True depth.")] = "",
    instances_topic: Annotated[str, _topic("True instance images.")] = "",
    objects_topic: Annotated[str, _topic("True objects.")] = "",
    pose_topic: Annotated[str, _topic("Camera poses.")] = "",
    world_frame: Annotated[
        str, typer.Option(metavar="FRAME", help="Take poses from tf, in this frame (z up).", rich_help_panel=_BAGS)
    ] = "",
    rectified: Annotated[
        Rectified, typer.Option(help="Whether the images are rectified.", rich_help_panel=_BAGS)
    ] = Rectified.AUTO,
    intrinsics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Intrinsics of images without camera_info.", rich_help_panel=_BAGS),
    ] = None,
    vertical_fov: Annotated[
        float | None, typer.Option(metavar="DEG", help="Or their vertical field of view.", rich_help_panel=_BAGS)
    ] = None,
) -> None:
    """Report the pipeline's errors over bags and datasets; every frame is processed, none is dropped.

    Runs that an earlier call finished with the same inputs are kept. Exit code 1: an image failed, or a source.
    """
    require_datasets(sources)
    names = depth_model or ["compact"]
    if depth_weights is not None and len(names) > 1:
        raise ConfigurationError(f"--depth-weights: expected one --depth-model for them, got {len(names)}")
    for name in names:
        require_files(depth_weights, name, segmentation_model)
    if workers > 1 and not ray:
        from unity_depth_perception.evaluation.runs.fork_server import fork_server_context

        fork_server_context()  # imports torch while this process does

    from unity_depth_perception.dataset.bag.samples import BagOptions
    from unity_depth_perception.dataset.bag.topics import TopicNames
    from unity_depth_perception.evaluation.runs.plan import Models, RunOptions, plan_runs
    from unity_depth_perception.evaluation.runs.run_all import OUTPUT_FILES, run_all
    from unity_depth_perception.models.registry import require_usable

    segmentation = segmentation_model if masks is Origin.MODEL else None
    chosen = [Models(name, segmentation, depth_weights) for name in names]
    if depth is Origin.TRUTH:
        chosen = [Models(None, segmentation)]
    for one in chosen:
        require_usable(one.depth, one.segmentation)
    devices = _devices(device, workers)
    topics = TopicNames(image_topic, camera_info_topic, depth_topic, instances_topic, objects_topic, pose_topic)
    bag = BagOptions(topics, rectified.value, world_frame, intrinsics=intrinsics, vertical_fov_deg=vertical_fov)
    options = RunOptions(
        bag, camera_pose, limit, devices[0].partition(":")[0], threads, _sink(write_bag), metrics.value
    )
    runs = plan_runs(sources, chosen, output, options)
    for path in sources:
        require_apart(output, path)
    with (
        kept_on_interrupt(lambda: "the reports that are done are kept, and the same command goes on with the others"),
        output_folder(output, {*OUTPUT_FILES, *(run.source_name for run in runs)}),
    ):
        finished = run_all(runs, output, devices, _progress, _print_outcome, ray)
    _print(finished, output)
    if finished.errors or any(report["failed"] for report in finished.reports.values()):
        raise typer.Exit(1)


def _devices(device: str, workers: int) -> list[str]:
    """torch device of each process: on GPUs at most one process for each."""
    import torch

    from unity_depth_perception.models.runtime.device import resolve_device

    chosen = resolve_device(device, torch.cuda.is_available())
    if chosen.type != "cuda":
        return [str(chosen)] * workers
    if workers == 1 or ":" in str(chosen):
        return [str(chosen)]
    return [f"cuda:{number}" for number in range(min(workers, torch.cuda.device_count()))]


def _sink(write_bag: bool) -> OpenSink | None:
    """Opens bags of results; where ROS is missing, says so at once.

    Raises:
        ConfigurationError: ROS' messages are not installed.
    """
    if not write_bag:
        return None
    try:
        from unity_depth_perception.ros import result_bag  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"--write-bag: expected ROS 2 with this package's messages (make setup, or a built workspace): {error}"
        ) from None
    return open_result_bag


def open_result_bag(path: Path, categories: tuple[str, ...]) -> ResultSink:
    """A bag for the results of a run; in the process that executes it."""
    from unity_depth_perception.ros.result_bag import ResultBag

    return ResultBag(path, categories)


def _progress(run: Run) -> Any:
    def bar(indices: Sequence[int]) -> Iterator[int]:
        return track(indices, len(indices), f"{run.source_name} / {run.model_name}")

    return bar


def _print_outcome(run: Run, outcome: Outcome) -> None:
    console = Console(stderr=True)
    if outcome.pairing is not None:
        counts = ", ".join(f"{count} {name}" for name, count in outcome.pairing.items())
        console.print(f"{run.source}: frames: {counts}", markup=False, highlight=False)
    for topic, problem in (outcome.problems or {}).items():
        console.print(f"{run.source}: {topic}: {problem}", style="yellow", markup=False)
    if outcome.error is not None:
        console.print(f"no report: {run.source} / {run.model_name}: {outcome.error}", style="red", markup=False)


def _print(finished: Finished, output: Path) -> None:
    console = Console()
    for run in finished.kept:
        console.print(f"kept: {run.folder} (same inputs as in an earlier call)", markup=False)
    for run, report in finished.reports.items():
        _print_report(console, run, report)
    console.print(f"{len(finished.reports)} reports compared: {output / 'comparison.html'}", markup=False)


def _print_report(console: Console, run: Run, report: dict[str, Any]) -> None:
    console.print(f"\n{run.source} / {run.model_name}", markup=False)
    for part in ("depth", "objects"):
        if report[part] is None:
            console.print(f"{part}: not measured: {report['reasons'][part]}", markup=False)
            continue
        table = Table("measure", "value", title=part, title_justify="left", box=None)
        for name, value in report[part].items():
            if not isinstance(value, dict | list):
                table.add_row(name, _cell(value))
        console.print(table)
    for refused in report["poses_refused"]:
        console.print(f"pose not used: {refused['image']}: {refused['error']}", style="yellow", markup=False)
    for failure in report["failed"]:
        console.print(f"failed: {failure['image']}: {failure['error']}", style="red", markup=False)
    console.print(
        f"{report['frames']} frames, {report['fps']:.2f} frames/s: {run.folder / 'report.html'}", markup=False
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
