"""Evaluation on the page: a dataset against its truth, with the report as a page that needs nothing else."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.report import write_report
from unity_depth_perception.web.examples import PageDatasets
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.session import Job, Report, Sessions
from unity_depth_perception.web.texts import message

_FILES = ("report.html", "report.json", "objects.csv", "frames.csv")


@dataclass(frozen=True)
class ReportShown:
    """A report as the page shows it: HTML of status and report, and the downloads .html, .json and two .csv."""

    status: str
    page: str
    downloads: tuple[Path, ...]


class EvaluationActions:
    """Evaluations of all visitors."""

    def __init__(self, models: PageModels, sessions: Sessions, datasets: PageDatasets) -> None:
        """Take what the page has."""
        self.models, self.sessions, self.datasets = models, sessions, datasets

    def evaluate(
        self, visitor: str, dataset: str, model: str, limit: int, report: Report = lambda stage, done, count: None
    ) -> ReportShown:
        """Evaluate a model on the first `limit` images of a dataset.

        Raises:
            PerceptionError: the dataset or the model cannot be used.
            JobCancelledError: the visitor wants the report no more.
        """
        if limit < 1:
            raise InputError(f"expected 1 or more images, got {limit}")
        session = self.sessions.of(visitor)
        job = Job(session, report)
        start = time.perf_counter()
        samples = self.datasets.open(dataset, job.track)
        with self.models.use(model) as perception:
            pipeline = perception.pipeline
            evaluator = Evaluator(pipeline.depth_estimator, pipeline.segmenter, pipeline.device)
            found = evaluator.evaluate(samples, limit, lambda indices: job.track(indices, f"evaluating {model}"))
            job.report("writing the report")
            folder = session.new_folder("report")
            write_report(folder, found, evaluator, samples)
        job.check()
        seconds = time.perf_counter() - start
        failed = f" {len(found.failures)} could not be processed; the report says why." if found.failures else ""
        count = f"{len(found.frames)} image{'s' if len(found.frames) > 1 else ''}"
        text = f"{count} of {dataset} by {model} in {seconds:.1f} s.{failed}"
        paths = tuple(folder / name for name in _FILES)
        return ReportShown(message(text), framed(paths[0]), paths)


def framed(report: Path) -> str:
    """A report within the page, in a frame of its own style in which no script runs."""
    content = html.escape(report.read_text(encoding="utf-8"))
    return f'<iframe class="udp-report" title="Report of the evaluation" sandbox srcdoc="{content}"></iframe>'
