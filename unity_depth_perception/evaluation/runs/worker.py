"""One run in this process: read the source, run the pipeline over every frame, write the report."""

from __future__ import annotations

import contextlib
import resource
import shutil
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.core.files.atomic_file import remove_drafts, write_json
from unity_depth_perception.core.files.output_folder import make_folder
from unity_depth_perception.dataset.bag.reader import is_bag
from unity_depth_perception.dataset.bag.samples import BagDataset
from unity_depth_perception.dataset.sample import Progress
from unity_depth_perception.dataset.sources import DatasetSamples, open_source
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.report import write_report
from unity_depth_perception.evaluation.runs.plan import Models, OpenSink, ResultSink, Run
from unity_depth_perception.models.protocols import DepthEstimator, Segmenter
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter

RESULTS = "results"
"""Folder of the bag of results, in that of the report."""
TIMING = "timing.json"
"""Speed and memory of a run, beside report.json, which is the same on every machine."""


class Outcome(NamedTuple):
    """What a run gave.

    Attributes:
        error: why there is no report; None: there is one.
        pairing: of a bag, how its images were paired, by `BagDataset.counts`.
        problems: of a bag, messages that could not be used, by topic.
    """

    error: str | None = None
    pairing: dict[str, int] | None = None
    problems: dict[str, str] | None = None


class Worker:
    """Executes runs on a device, one after the other; keeps the models of the last one."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._loaded: tuple[Models, DepthEstimator | None, Segmenter | None] | None = None

    def execute(self, run: Run, progress: Progress = iter) -> Outcome:
        """Execute a run; an error of its source or models is given back, not raised."""
        threads = torch.get_num_threads()
        torch.set_num_threads(run.options.threads)
        try:
            make_folder(run.folder)
            remove_drafts(run.folder)
            with contextlib.closing(_source_of(run)) as source:
                return self._evaluate(run, source.samples, progress)
        except PerceptionError as error:
            return Outcome(str(error))
        finally:
            torch.set_num_threads(threads)

    def _evaluate(self, run: Run, samples: DatasetSamples, progress: Progress) -> Outcome:
        started_s = time.perf_counter()
        depth, segmenter = self._models_of(run.models)
        options = run.options
        evaluator = Evaluator(depth, segmenter, self._device, options.use_camera_pose, options.metrics)
        categories = tuple(samples.categories if segmenter is None else segmenter.categories)
        with _sink(run, categories) as sink:
            evaluation = evaluator.evaluate(samples, run.options.limit, progress, None if sink is None else sink.add)
        report = write_report(run.folder, evaluation, evaluator, samples)
        timing: dict[str, Any] = {
            "fps": report["fps"],
            "seconds": time.perf_counter() - started_s,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        write_json(run.folder / TIMING, timing, indent=2)
        if isinstance(samples, BagDataset):
            return Outcome(pairing=samples.counts, problems=samples.problems)
        return Outcome()

    def _models_of(self, models: Models) -> tuple[DepthEstimator | None, Segmenter | None]:
        if self._loaded is None or self._loaded[0] != models:
            self._loaded = None  # before the next ones are loaded: two may not fit in memory
            depth, masks = models.depth, models.segmentation
            self._loaded = (
                models,
                None if depth is None else create_depth_estimator(depth, self._device, models.depth_weights),
                None if masks is None else create_segmenter(masks, self._device),
            )
        return self._loaded[1:]


class _Source(NamedTuple):
    samples: DatasetSamples

    def close(self) -> None:
        if isinstance(self.samples, BagDataset):
            self.samples.close()


def _source_of(run: Run) -> _Source:
    return _Source(BagDataset(run.source, run.options.bag) if is_bag(run.source) else open_source(run.source))


@contextlib.contextmanager
def _sink(run: Run, categories: tuple[str, ...]) -> Iterator[ResultSink | None]:
    open_sink: OpenSink | None = run.options.open_sink
    if open_sink is None:
        yield None
        return
    folder = run.folder / RESULTS
    if folder.exists():
        shutil.rmtree(folder)
    with contextlib.closing(open_sink(folder, categories)) as sink:
        yield sink
