"""Tab for datasets: evaluation against their truth, and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from unity_depth_perception.web.evaluation import EvaluationActions
from unity_depth_perception.web.tabs.job import (
    MODEL_JOBS,
    Refresh,
    attempted,
    cancel_button,
    download_buttons,
    offered,
    reporter,
    visitor,
)
from unity_depth_perception.web.texts import message

_HINT = (
    "Nothing evaluated yet. Images are compared with the truth that the dataset has. "
    "Start the page with --dataset PATH to evaluate a folder or a bag of your own."
)
_DOWNLOADS = ("Report .html", "Report .json", "Objects .csv", "Images .csv")  # as ReportShown.downloads


class EvaluationTab:
    """The components and what happens when they are used."""

    def __init__(self, actions: EvaluationActions) -> None:
        """Build the tab, in a block that is open."""
        self.actions = actions
        datasets, models = actions.datasets.names, actions.models.names
        with gr.Row(elem_classes="udp-main"):
            with gr.Column(scale=1, min_width=300):
                self.dataset = gr.Radio(list(datasets), value=datasets[0], label="Dataset")
                self.limit = gr.Number(
                    20, precision=0, minimum=1, label="Number of images",
                    info="The first ones: " + ", ".join(f"{n} has {actions.datasets.count(n)}" for n in datasets),
                )  # fmt: skip
                self.model = gr.Dropdown(
                    list(models), value=models[0], label="Depth model", interactive=len(models) > 1
                )
                with gr.Row():
                    self.run = gr.Button("Evaluate", variant="primary", min_width=120)
                    self.stop = gr.Button("Cancel", min_width=120)
            with gr.Column(scale=3, min_width=320):
                self.status = gr.HTML(message(_HINT), elem_classes="udp-state")
                with gr.Row():
                    self.downloads = download_buttons(_DOWNLOADS)
                self.report = gr.HTML(elem_id="report")
        job = self.run.click(
            self._evaluate, [self.dataset, self.model, self.limit], [self.status, self.report, *self.downloads],
            api_name="evaluate", show_progress_on=self.status, **MODEL_JOBS,
        )  # fmt: skip
        cancel_button(actions.sessions, self.stop, self.status, [job])

    def _evaluate(
        self, dataset: str, model: str, limit: float | None, request: gr.Request,
        progress: Callable[..., Any] = gr.Progress(),  # noqa: B008
    ) -> Iterator[Refresh]:  # fmt: skip
        yield {self.status: message("Evaluating ...")}
        count = int(limit or 0)
        shown = attempted(
            lambda: self.actions.evaluate(visitor(request), dataset, model, count, reporter(progress)),
            self.actions.sessions,
        )
        if isinstance(shown, str):
            yield {self.status: shown}
        elif shown is not None:
            yield {self.report: shown.page, **offered(self.downloads, shown.downloads)}
            yield {self.status: shown.status}
