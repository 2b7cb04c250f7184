"""Execution of a plan: serial or in processes, resumed where an earlier call ended, and compared in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.dataset.sample import Progress
from unity_depth_perception.evaluation.report import COMPARISON_FILES, write_comparison
from unity_depth_perception.evaluation.runs.manifest import MANIFEST, Manifest
from unity_depth_perception.evaluation.runs.plan import Run
from unity_depth_perception.evaluation.runs.pool import execute_parallel
from unity_depth_perception.evaluation.runs.ray_cluster import execute_on_ray
from unity_depth_perception.evaluation.runs.worker import TIMING, Outcome, Worker

OUTPUT_FILES = (MANIFEST, *COMPARISON_FILES)
"""Names of files in the output folder, beside the folders of the sources."""


class Finished(NamedTuple):
    """All runs of a plan.

    Attributes:
        reports: content of report.json and timing.json of each run that has one, in the order of the plan.
        errors: why the others have none.
        kept: runs that an earlier call had done.
    """

    reports: dict[Run, dict[str, Any]]
    errors: dict[Run, str]
    kept: tuple[Run, ...]


def run_all(
    runs: Sequence[Run],
    output: Path,
    devices: Sequence[str],
    progress: Callable[[Run], Progress] = lambda run: iter,
    report: Callable[[Run, Outcome], None] = lambda run, outcome: None,
    ray_address: str = "",
) -> Finished:
    """Execute the runs of a plan that are not done yet, then compare all.

    Args:
        runs: the plan.
        output: folder of manifest.json and comparison.json; locked by the caller.
        devices: torch device of each process; of one, the runs are executed in this process.
        progress: progress bar over the frames of a run; of runs in this process alone.
        report: called as each run ends.
        ray_address: of a Ray cluster that executes the runs; empty: this machine does.

    Raises:
        PerceptionError: no run has a report.
    """
    manifest = Manifest(output, runs)
    kept = manifest.done_runs
    for run, outcome in _execute(manifest.open_runs, devices, progress, ray_address):
        manifest.record(run, outcome)
        report(run, outcome)
    errors = manifest.errors
    if not manifest.done_runs:
        raise PerceptionError("\n".join(dict.fromkeys(errors.values())))
    reports = {run: _report_of(run) for run in manifest.done_runs}
    write_comparison(
        output,
        {(run.source_name, run.model_name): content for run, content in reports.items()},
        {(run.source_name, run.model_name): f"{run.source_name}/{run.model_name}/report.html" for run in reports},
    )
    return Finished(reports, errors, kept)


def _execute(
    runs: Sequence[Run], devices: Sequence[str], progress: Callable[[Run], Progress], ray_address: str
) -> Iterator[tuple[Run, Outcome]]:
    if ray_address and runs:
        yield from execute_on_ray(runs, ray_address, devices[0])
    elif len(devices) > 1 and len(runs) > 1:
        yield from execute_parallel(runs, devices[: len(runs)])
    else:
        worker = Worker(devices[0])
        yield from ((run, worker.execute(run, progress(run))) for run in runs)


def _report_of(run: Run) -> dict[str, Any]:
    timing = read_json_object(run.folder / TIMING, "the times of an evaluation")
    return read_json_object(run.folder / "report.json", "a report") | {"fps": timing["fps"]}
