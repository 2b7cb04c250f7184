"""Tab for one image: objects, depth, 3D view, distances of clicked pixels, comparison of two models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from unity_depth_perception.core.errors import JobCancelledError, PerceptionError
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M
from unity_depth_perception.web.actions import CameraSettings, ComparisonShown, PageActions, Shown
from unity_depth_perception.web.tabs.job import (
    ANGLE,
    MODEL_JOBS,
    Refresh,
    cancel_button,
    download_buttons,
    offered,
    problem,
    visitor,
)
from unity_depth_perception.web.texts import message
from unity_depth_perception.web.uploads import sentence

_START = "Nothing measured yet. Drop an image, or choose an example."
_HINT = "Click a pixel of the picture for its distance, and a second one for the distance between them."
_STAGES = 4  # of a job, for the progress bar
_DOWNLOADS = ("JSON", "Cloud .ply", "3D view .glb", "Arrays .npz", "Depth .png")  # as ResultFiles.downloads


class ImageTab:
    """The components and what happens when they are used."""

    def __init__(self, actions: PageActions) -> None:
        """Build the tab, in a block that is open."""
        self.actions = actions
        with gr.Row(elem_classes="udp-main"):
            with gr.Column(scale=1, min_width=300):
                self._inputs()
            with gr.Column(scale=3, min_width=320):
                self.status = gr.HTML(
                    message("Nothing measured yet. Drop an image, or choose an example."), elem_classes="udp-state"
                )
                with gr.Tab("Measure"):
                    self._result()
                with gr.Tab("Compare models"):
                    self._comparison()
        self._wire()

    def _inputs(self) -> None:
        names = list(self.actions.models.names)
        self.upload = gr.File(label="Image or video", height=140, elem_id="upload")
        self.examples = gr.Gallery(
            [str(path) for path in self.actions.examples],
            label="Examples", columns=3, height="auto", allow_preview=False, object_fit="cover", elem_id="examples",
            show_label=False, buttons=[],
        )  # fmt: skip
        dataset = self.actions.dataset
        self.frames = gr.Dropdown(
            [] if dataset is None else list(dataset.names),
            value=None, label="Frame of the dataset", visible=dataset is not None,
        )  # fmt: skip
        self.fov = gr.Number(60, label="Vertical field of view [degrees]", info="Unity: Camera.fieldOfView")
        self.model = gr.Dropdown(names, value=names[0], label="Depth model", interactive=len(names) > 1)
        with gr.Accordion("Cubes, camera file, video", open=False):
            self.edge = gr.Number(CUBE_EDGE_M, label="Edge of the cubes [m]", info="compact takes its metres from it")
            self.intrinsics = gr.File(label="Intrinsics (.json), instead of the field of view", height=110)
            self.number = gr.Number(0, precision=0, minimum=0, label="Number of the video's frame")
        with gr.Row():
            self.run = gr.Button("Measure", variant="primary", min_width=120)
            self.stop = gr.Button("Cancel", min_width=120)

    def _result(self) -> None:
        with gr.Row():
            self.overlay = gr.Image(
                label="Objects", interactive=False, buttons=["fullscreen"], elem_id="overlay", min_width=300,
                alt_text="The image with masks, labels, distances and arrows to what each object stands on",
            )  # fmt: skip
            self.depth = gr.Image(
                label="Depth", interactive=False, buttons=[], elem_id="depth", min_width=300,
                alt_text="The depth of the image in colours, with a legend in metres",
            )  # fmt: skip
        with gr.Row():
            self.pixels = gr.Textbox(
                label="Pixels (column, row)", placeholder="320, 240; 100, 50", info=_HINT, scale=3, min_width=280
            )
            self.measure = gr.Button("Measure pixels", scale=1, min_width=120)
        self.measured = gr.Markdown(elem_id="measured")
        self.table = gr.HTML(elem_id="objects")
        self.scene = gr.Model3D(
            label="3D view: drag to turn", camera_position=ANGLE, height=420, elem_id="scene", interactive=False
        )
        with gr.Row(elem_id="downloads"):
            self.downloads = download_buttons(_DOWNLOADS)

    def _comparison(self) -> None:
        names = list(self.actions.models.names)
        with gr.Row():
            self.one = gr.Dropdown(names, value=names[0], label="First model")
            self.other = gr.Dropdown(names, value=names[-1], label="Second model")
            self.compare = gr.Button("Compare", variant="primary", min_width=120)
        with gr.Row():
            self.overlays = [gr.Image(label=f"Objects, {which} model", interactive=False, min_width=300, buttons=[])
                             for which in ("first", "second")]  # fmt: skip
        with gr.Row():
            self.depths = [gr.Image(label=f"Depth, {which} model", interactive=False, min_width=300, buttons=[])
                           for which in ("first", "second")]  # fmt: skip
        self.differences = gr.HTML()

    def _wire(self) -> None:
        camera = [self.fov, self.intrinsics, self.number, self.edge]
        shown = [self.status, self.overlay, self.depth, self.table, self.scene, self.measured, *self.downloads]
        compared = [self.status, *self.overlays, *self.depths, self.differences]
        jobs = [
            chosen(choose, inputs, self.status, api_name=choose.__name__.strip("_")).success(
                self._perceive, [self.model, *camera], shown, show_progress_on=self.status, **MODEL_JOBS
            )
            for chosen, choose, inputs in (
                (self.upload.upload, self._choose_upload, [self.upload]),
                (self.examples.select, self._choose_example, []),
                (self.frames.input, self._choose_frame, [self.frames]),
            )
        ]
        jobs.append(
            self.run.click(self._perceive, [self.model, *camera], shown, api_name="perceive",
                           show_progress_on=self.status, **MODEL_JOBS)
        )  # fmt: skip
        jobs.append(
            self.compare.click(self._compare, [self.one, self.other, *camera], compared, api_name="compare",
                               show_progress_on=self.status, **MODEL_JOBS)
        )  # fmt: skip
        cancel_button(self.actions.sessions, self.stop, self.status, jobs)
        measured = [self.status, self.measured, self.pixels, self.overlay]
        self.overlay.select(self._click, None, measured, show_progress="hidden")
        for event in (self.measure.click, self.pixels.submit):
            event(self._measure, [self.pixels], measured, show_progress="hidden", api_name="measure")

    def _choose_upload(self, path: str, request: gr.Request) -> str:
        self.actions.choose_upload(visitor(request), Path(path))
        return message("Uploaded.")

    def _choose_example(self, event: gr.SelectData, request: gr.Request) -> str:
        self.actions.choose_example(visitor(request), int(event.index))
        return message(f"Example {int(event.index) + 1}.")

    def _choose_frame(self, name: str, request: gr.Request) -> str:
        try:
            self.actions.choose_frame(visitor(request), name)
        except PerceptionError as error:
            raise gr.Error(sentence(error, self.actions.sessions.root)) from None
        return message(f"Frame {name}.")

    def _perceive(
        self, model: str, fov: float | None, intrinsics: str | None, number: float | None,
        edge: float | None, request: gr.Request,
        progress: Callable[..., Any] = gr.Progress(),  # noqa: B008  # how Gradio hands it in
    ) -> Iterator[Refresh]:  # fmt: skip
        stages = self.actions.perceive(visitor(request), model, _camera(fov, intrinsics, number, edge))
        for shown in self._followed(stages, progress):
            if isinstance(shown, Shown):
                yield {
                    self.overlay: str(shown.files.overlay),
                    self.depth: str(shown.files.depth),
                    self.table: shown.table,
                    self.scene: str(shown.files.model),
                    self.measured: "",
                    **offered(self.downloads, shown.files.downloads),
                }
                # What is yielded last is sent twice, and a 3D view that comes twice at once stays empty (Gradio 6.31).
                yield {self.status: shown.status}
            else:
                yield {self.status: shown}

    def _compare(
        self, one: str, other: str, fov: float | None, intrinsics: str | None, number: float | None,
        edge: float | None, request: gr.Request, progress: Callable[..., Any] = gr.Progress(),  # noqa: B008
    ) -> Iterator[Refresh]:  # fmt: skip
        stages = self.actions.compare(visitor(request), one, other, _camera(fov, intrinsics, number, edge))
        for shown in self._followed(stages, progress):
            if isinstance(shown, ComparisonShown):
                pictures = dict(zip(self.overlays, map(str, shown.files.overlays), strict=True))
                depths = dict(zip(self.depths, map(str, shown.files.depths), strict=True))
                yield {self.status: message("Compared."), self.differences: shown.table, **pictures, **depths}
            else:
                yield {self.status: shown}

    def _followed(self, stages: Iterator[Any], progress: Callable[..., Any]) -> Iterator[Any]:
        """The results of stages, or a text for the status: each stage's name, or a sentence if one fails."""
        try:
            for number, stage in enumerate(stages):
                if isinstance(stage, str):
                    progress(number / _STAGES, desc=stage)
                    yield message(f"{stage.capitalize()} ...")
                else:
                    yield stage
        except JobCancelledError:
            return
        except PerceptionError as error:
            yield problem(error, self.actions.sessions)

    def _click(self, event: gr.SelectData, request: gr.Request) -> Refresh:
        x, y = event.index
        return self._answer(lambda: self.actions.click(visitor(request), int(x), int(y)))

    def _measure(self, text: str, request: gr.Request) -> Refresh:
        return self._answer(lambda: self.actions.measure(visitor(request), text))

    def _answer(self, measure: Callable[[], tuple[str, str, Path]]) -> Refresh:
        try:
            sentences, pixels, picture = measure()
        except PerceptionError as error:
            return {self.status: problem(error, self.actions.sessions)}
        return {self.measured: sentences, self.pixels: pixels, self.overlay: str(picture)}


def _camera(fov: float | None, intrinsics: str | None, number: float | None, edge: float | None) -> CameraSettings:
    edge_m = CUBE_EDGE_M if edge is None else edge
    return CameraSettings(fov, Path(intrinsics) if intrinsics else None, int(number or 0), edge_m)
