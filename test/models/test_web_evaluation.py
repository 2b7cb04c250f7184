"""Evaluation on the page, without the page: the truth against itself, the report in its frame, cancelling."""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unity_depth_perception.core.errors import InputError, JobCancelledError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.web.evaluation import EvaluationActions
from unity_depth_perception.web.examples import PageDatasets
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.session import Sessions

SAMPLES = render_samples([4, 5, 6], 96, 72)


class Scenes:
    """A dataset of three scenes in a folder that no visitor needs to know."""

    path = Path("/somewhere/secret/scenes")
    names = tuple(sample.name for sample in SAMPLES)
    categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(SAMPLES)

    def __getitem__(self, index: int) -> Sample:
        return SAMPLES[index]


class Truth(PageModels):
    """Models that are replaced by the truth."""

    @contextlib.contextmanager
    def use(self, name: str) -> Iterator[Any]:
        yield SimpleNamespace(pipeline=PerceptionPipeline(None, None))


@pytest.fixture
def page(tmp_path: Path) -> EvaluationActions:
    datasets = PageDatasets(Scenes())  # type: ignore[arg-type]
    return EvaluationActions(Truth(["compact"]), Sessions(tmp_path), datasets)


def test_report_of_the_truth_has_no_error_and_no_path(page: EvaluationActions) -> None:
    shown = page.evaluate("ann", "scenes", "compact", 20)
    assert "3 images of scenes by compact" in shown.status
    assert [path.suffix for path in shown.downloads] == [".html", ".json", ".csv", ".csv"]
    report = json.loads(shown.downloads[1].read_text())
    assert (report["frames"], report["dataset"]) == (3, "scenes")
    assert report["depth"]["abs_rel"] == 0
    assert report["objects"]["recall"] == 1
    assert all("secret" not in path.read_text() for path in shown.downloads)


def test_frame_holds_the_report_and_lets_no_script_run(page: EvaluationActions) -> None:
    shown = page.evaluate("ann", "scenes", "compact", 1)
    (frame,) = re.findall(r'<iframe class="udp-report" title="[^"]+" sandbox srcdoc="([^"]*)"></iframe>', shown.page)
    assert html.unescape(frame) == shown.downloads[0].read_text()
    assert "1 images of scenes" not in shown.status
    assert "1 image of scenes" in shown.status


def test_evaluation_is_cancelled_between_images_and_keeps_the_last_report(page: EvaluationActions) -> None:
    earlier = page.evaluate("ann", "scenes", "compact", 1)
    seen: list[int] = []

    def report(stage: str, done: int, count: int) -> None:
        seen.append(done)
        page.sessions.of("ann").cancel()

    with pytest.raises(JobCancelledError):
        page.evaluate("ann", "scenes", "compact", 3, report)
    assert seen == [0]
    assert earlier.downloads[0].exists()


@pytest.mark.parametrize("limit", [0, -3])
def test_evaluation_of_no_image_is_refused(page: EvaluationActions, limit: int) -> None:
    with pytest.raises(InputError, match="expected 1 or more images"):
        page.evaluate("ann", "scenes", "compact", limit)


@pytest.mark.parametrize("name", ["/etc", "../scenes", "secret/scenes"])
def test_folder_that_was_not_given_is_refused(page: EvaluationActions, name: str) -> None:
    with pytest.raises(InputError, match="expected one of the page's datasets scenes"):
        page.evaluate("ann", name, "compact", 1)
