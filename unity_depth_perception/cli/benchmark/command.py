"""`unity-depth benchmark`: speed on this machine, accuracy of the embedded models."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.benchmark import depth as benchmark_depth
from unity_depth_perception.cli.options import (
    AccelerationOption,
    DepthModelOption,
    DeviceOption,
    KindOption,
    SegmentationModelOption,
    Size,
    SizeOption,
)
from unity_depth_perception.cli.progress import track

if TYPE_CHECKING:
    from unity_depth_perception.evaluation.speed.pipeline import Timings
    from unity_depth_perception.pipeline import Frame

_BUDGET_SIZE, _BUDGET_MS = Size(1024, 1024), 40.0  # of everything outside the networks
_SCENES = 4
_CONFIGURATIONS = (
    ("compact", "compact", "compact"),
    ("compact depth, true masks", "compact", None),
    ("floor-plane, true masks", "floor-plane", None),
    ("true depth and masks", None, None),
)
_MEASURES = (  # name in the table, keys in the report
    *(
        (name, ("depth", name))
        for name in ("abs_rel", "sq_rel", "rmse", "rmse_log", "si_log", "delta1", "delta2", "delta3")
    ),
    *((name, ("metrics", "depth", "sky", name)) for name in ("sky_recall", "sky_precision", "sky_with_finite_depth")),
    ("ground_with_infinite_depth", ("metrics", "depth", "sky", "finite_truth_with_infinite_depth")),
    ("depth_boundary_f1", ("metrics", "depth", "boundary", "f1")),
    ("flying_pixels", ("metrics", "depth", "flying_pixels", "raw")),
    ("flying_pixels_scaled", ("metrics", "depth", "flying_pixels", "scale")),
    *((name, ("objects", name)) for name in ("mask_ap", "precision", "recall")),
    ("mask_boundary_iou", ("metrics", "objects", "boundary_iou")),
    *(
        (name, ("objects", name))
        for name in (
            "distance_median_rel_error",
            "distance_p95_rel_error",
            "frames_over_20_percent_off",
            "parent_f1",
        )
    ),
)
_SEED = 900_000_000  # far from what `synthesize` takes by default

app = typer.Typer(help="Speed on this machine, accuracy of the embedded models.", no_args_is_help=True)
app.command("depth")(benchmark_depth.depth)


@app.command()
def pipeline(
    size: SizeOption = Size(1024, 1024),
    frames: Annotated[int, typer.Option(min=1, help="Frames to measure.")] = 20,
    depth_model: DepthModelOption = "compact",
    segmentation_model: SegmentationModelOption = "compact",
    acceleration: AccelerationOption = "none",
    device: DeviceOption = "auto",
) -> None:
    """Time every stage of the pipeline on virtual scenes, beside the same work written plainly in NumPy."""
    import torch

    from unity_depth_perception.evaluation.speed.pipeline import time_pipeline
    from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.pipeline import PerceptionPipeline
    from unity_depth_perception.pipeline.warm_up import warm_up

    chosen = resolve_device(device, torch.cuda.is_available())
    perception = PerceptionPipeline(
        create_depth_estimator(depth_model, chosen, None, DepthOptions(acceleration=acceleration)),
        create_segmenter(segmentation_model, chosen, acceleration),
    )
    scenes = _scenes(size)
    warm_up(perception, scenes[0].camera)
    timings = time_pipeline(perception, scenes, frames, lambda chosen_frames: track(chosen_frames, frames, "measuring"))
    models = f"{depth_model} + {segmentation_model}, acceleration {acceleration}"
    _print(timings, size, f"{models} on {chosen}, {torch.get_num_threads()} threads")


@app.command()
def models(
    count: Annotated[int, typer.Option(min=1, help="Scenes to measure on.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scenes, which no training uses.")] = 0,
    wide: Annotated[bool, typer.Option("--wide", help="Scenes of more variety than the models are made for.")] = False,
    kind: KindOption = "room",
    camera_pose: Annotated[
        bool, typer.Option(help="Give the camera poses to the pipeline, as a live system may.")
    ] = True,
    device: DeviceOption = "auto",
    output: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
) -> None:
    """Accuracy of the embedded models on held-out virtual scenes, beside the floor-plane baseline and the truth."""
    import torch

    from unity_depth_perception.evaluation.evaluator import Evaluator
    from unity_depth_perception.evaluation.heldout import HeldOutScenes
    from unity_depth_perception.evaluation.summary import summarise
    from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.synthetic.variety import USUAL, WIDE

    if output is not None:  # before minutes of work
        output.parent.mkdir(parents=True, exist_ok=True)
    chosen = resolve_device(device, torch.cuda.is_available())
    scenes, reports = HeldOutScenes(count, seed, replace(WIDE if wide else USUAL, kind=kind)), {}
    for name, depth, masks in _CONFIGURATIONS:
        evaluator = Evaluator(
            create_depth_estimator(depth, chosen) if depth else None,
            create_segmenter(masks, chosen) if masks else None,
            chosen,
            use_camera_pose=camera_pose,
            metrics="all",
        )
        reports[name] = summarise(
            evaluator.evaluate(scenes, progress=lambda i, name=name: track(i, len(i), name))  # type: ignore[misc]
        )
    known = "" if camera_pose else ", camera pose withheld"
    _print_accuracy(reports, f"{count} {'wide' if wide else 'held-out'} scenes, kind {kind}, seed {seed}{known}")
    if output is not None:
        output.write_text(json.dumps(reports, indent=2), encoding="utf-8")


def _print_accuracy(reports: dict[str, Any], title: str) -> None:
    table = Table("", *reports, title=title, title_justify="left", box=None)
    for name, keys in _MEASURES:
        values = [_value(report, keys) for report in reports.values()]
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    table.add_row("frames per second", *(f"{report['fps']:.2f}" for report in reports.values()))
    Console().print(table)


def _value(report: dict[str, Any], keys: Sequence[str]) -> float | None:
    """The number under nested keys; None where a part of the report is None."""
    part: Any = report
    for key in keys:
        part = part and part[key]
    return part if isinstance(part, int | float) else None


def _scenes(size: Size) -> Sequence[Frame]:
    from unity_depth_perception.pipeline import Frame
    from unity_depth_perception.synthetic.samples import render_samples

    seeds = list(range(_SEED, _SEED + _SCENES))
    return [
        Frame(sample.image, sample.camera)
        for sample in render_samples(seeds=seeds, width=size.width, height=size.height)
    ]


def _print(timings: Timings, size: Size, title: str) -> None:
    from unity_depth_perception.evaluation.speed.pipeline import NETWORKS, OUTSIDE, STATISTICS

    table = Table(title=f"{size} px, {title}", title_justify="left", box=None)
    for column in ("stage", "p50 ms", "p99 ms", "plain NumPy p50 ms", "ratio"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in timings.stages:
        ratio = timings.ratio(stage)
        plain = timings.reference_ms(stage)
        table.add_row(
            "(statistics alone)" if stage == STATISTICS else stage,
            f"{timings.percentile_ms(stage, 50):.2f}",
            f"{timings.percentile_ms(stage, 99):.2f}",
            "" if plain is None else f"{plain:.2f}",
            "" if ratio is None else f"{ratio:.1f} x",
        )
    for name, stages in (("outside the networks", OUTSIDE), ("total", (*OUTSIDE, *NETWORKS))):
        table.add_row(name, *(f"{timings.total_ms(stages, percent):.2f}" for percent in (50, 99)), "", "")
    console = Console()
    console.print(table)
    console.print(f"{1e3 / timings.total_ms((*OUTSIDE, *NETWORKS), 50):.2f} frames per second")
    outside_ms = timings.total_ms(OUTSIDE, 50)
    relation = "within" if outside_ms <= _BUDGET_MS else "over"
    budget = f", {relation} the budget of {_BUDGET_MS:.0f} ms" if size == _BUDGET_SIZE else ""
    console.print(f"outside the networks: {outside_ms:.1f} ms{budget}")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * cores:
        console.print(f"load average {load:.1f} on {cores} cores: other programs slowed this down", style="yellow")
