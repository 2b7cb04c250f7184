"""`unity-depth benchmark depth`: one depth model and its reference, timed in one run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.options import AccelerationOption, DeviceOption, Size, SizeOption
from unity_depth_perception.cli.progress import track

if TYPE_CHECKING:
    import torch

    from unity_depth_perception.evaluation.speed.depth_models import CallTimes

_RANDOM = "random"
_SEED = 900_000_000  # of the virtual scene


def depth(
    model: Annotated[str, typer.Option(help="Name of the depth model.")],
    size: SizeOption = Size(1024, 1024),
    weights: Annotated[
        str | None, typer.Option(metavar="random|PATH", help="File or folder; default: the published ones.")
    ] = None,
    frames: Annotated[
        int,
        typer.Option(min=1, help="Calls of each to measure, after two to warm up; 3 suffice on a CPU."),
    ] = 20,
    processing_size: Annotated[int, typer.Option(metavar="PX", help="Of the network; 0: its default.")] = 0,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    acceleration: AccelerationOption = "none",
    device: DeviceOption = "auto",
) -> None:
    """Time a depth model beside its authors' front end on the same weights and image; memory; arithmetic floor."""
    import torch

    from unity_depth_perception.evaluation.speed import depth_models as benchmark
    from unity_depth_perception.evaluation.speed.reference_models import has_reference, load_reference
    from unity_depth_perception.models.engine.accelerated_network import exporting
    from unity_depth_perception.models.registry import create_depth_estimator, require_known_depth_model
    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.synthetic.samples import render_samples

    require_known_depth_model(model)
    options = DepthOptions(processing_size, precision, acceleration)
    chosen = resolve_device(device, torch.cuda.is_available())
    (sample,) = render_samples(seeds=[_SEED], width=size.width, height=size.height)
    with _weights(model, weights) as path:
        estimator = create_depth_estimator(model, chosen, path, DepthOptions(processing_size, precision))
        flops = benchmark.count_flops(estimator, sample.image, sample.camera)
        if acceleration != "none":
            estimator = create_depth_estimator(model, chosen, path, options)
        ours = benchmark.whole_call(estimator, sample.image, sample.camera)
        with exporting():
            ours()
        memory = benchmark.peak_memory(ours, chosen)
        calls = {model: ours}
        if has_reference(model):
            reference = load_reference(model, path, chosen, processing_size)
            calls[reference.name] = lambda: reference.infer(sample.image)
        times = benchmark.time_calls(calls, frames, lambda turns: track(turns, len(turns), "calling"))
    speeds = {dtype: benchmark.matmul_flops_per_s(dtype, chosen) for dtype in flops}
    title = f"{size} px, {chosen}, {torch.get_num_threads()} threads, {frames} calls taking turns"
    _print_times(times, title, chosen.type == "cpu")
    _print_floor(flops, speeds, memory, times[model].wall_ms(50), chosen.type)


@contextmanager
def _weights(model: str, weights: str | None) -> Iterator[Path | None]:
    """Path of the weights; random ones are written to a temporary folder."""
    from unity_depth_perception.evaluation.speed.reference_models import write_random_weights

    if weights != _RANDOM:
        yield None if weights is None else Path(weights)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_random_weights(model, Path(folder))
        yield Path(folder)


def _print_times(times: Mapping[str, CallTimes], title: str, is_cpu: bool) -> None:
    table = Table("decoded image to depth in host memory", title=title, title_justify="left", box=None)
    columns = [("p50 ms", 50), ("p99 ms", 99)]
    for name in (*(name for name, _ in columns), *(("processor p50 ms",) if is_cpu else ())):
        table.add_column(name, justify="right")
    for name, one in times.items():
        values = [one.wall_ms(percent) for _, percent in columns] + ([one.cpu_ms(50)] if is_cpu else [])
        table.add_row(name, *(f"{value:.1f}" for value in values))
    if len(times) == 2:
        ours, reference = times.values()
        ratios = [reference.wall_ms(percent) / ours.wall_ms(percent) for _, percent in columns]
        ratios += [reference.cpu_ms(50) / ours.cpu_ms(50)] if is_cpu else []
        table.add_row("ratio", *(f"{ratio:.2f} x" for ratio in ratios))
    Console().print(table)


def _print_floor(
    flops: Mapping[torch.dtype, int], speeds: Mapping[torch.dtype, float], memory: int, p50_ms: float, kind: str
) -> None:
    console = Console(soft_wrap=True)
    what = "of torch on the GPU" if kind == "cuda" else "resident, the whole process"
    console.print(f"peak memory: {memory / 2**20:.0f} MiB ({what}), before the reference was loaded")
    floor_ms = 0.0
    for dtype, count in flops.items():
        floor_ms += count / speeds[dtype] * 1e3
        name = str(dtype).removeprefix("torch.")
        console.print(
            f"arithmetic: {count / 1e9:.1f} GFLOP {name}; a matrix product does {speeds[dtype] / 1e9:.0f} GFLOP/s"
        )
    console.print(f"arithmetic floor: {floor_ms:.1f} ms; p50 is {p50_ms / floor_ms:.1f} times that")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    console.print(f"load average {load:.1f} on {cores} cores")
