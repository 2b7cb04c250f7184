"""Tab for several images: a fused scene with its cameras, to turn and to download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from unity_depth_perception.web.reconstruction import MAX_VIEWS, UPLOAD, ReconstructionActions, ViewSettings
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
    "Nothing reconstructed yet. Models for one image, such as compact, need images with known camera poses; "
    "any-view models, such as da3-small, find the poses."
)
_DOWNLOADS = ("Cloud .ply", "3D view .glb", "Arrays .npz")  # as SceneShown.downloads


class ReconstructionTab:
    """The components and what happens when they are used."""

    def __init__(self, actions: ReconstructionActions) -> None:
        """Build the tab, in a block that is open."""
        self.actions = actions
        with gr.Row(elem_classes="udp-main"):
            with gr.Column(scale=1, min_width=300):
                self._inputs()
            with gr.Column(scale=3, min_width=320):
                self.status = gr.HTML(message(_HINT), elem_classes="udp-state")
                self.scene = gr.Model3D(
                    label="Scene and cameras: drag to turn", camera_position=(90, 50, None), height=560,
                    elem_id="fused", interactive=False,
                )  # fmt: skip
                with gr.Row():
                    self.downloads = download_buttons(_DOWNLOADS)
        self._wire()

    def _inputs(self) -> None:
        datasets, models = self.actions.datasets.names, self.actions.models.view_names
        self.source = gr.Radio([*datasets, UPLOAD], value=datasets[0], label="Images of")
        self.files = gr.File(label="Images, or a video", file_count="multiple", height=140, elem_id="views")
        self.most = gr.Slider(1, MAX_VIEWS, value=12, step=1, label="At most so many images, evenly chosen")
        self.model = gr.Dropdown(list(models), value=models[0], label="Depth model", interactive=len(models) > 1)
        with gr.Accordion("Which images, cameras, poses", open=False):
            self.numbers = gr.Textbox(label="Numbers of images, from 0", placeholder="0-20, 25", info="Empty: all.")
            self.fov = gr.Number(
                None, label="Vertical field of view of uploads [degrees]", info="Empty: unknown. Unity: 60"
            )
            self.intrinsics = gr.File(label="Intrinsics of uploads (.json), instead of it", height=110)
            self.poses = gr.File(label="Camera poses of uploads (.json)", height=110)
        with gr.Row():
            self.run = gr.Button("Reconstruct", variant="primary", min_width=120)
            self.stop = gr.Button("Cancel", min_width=120)

    def _wire(self) -> None:
        inputs = [self.source, self.model, self.numbers, self.most, self.fov, self.intrinsics, self.poses]
        self.files.upload(self._choose, [self.files], [self.status, self.source], api_name="choose_views")
        job = self.run.click(
            self._reconstruct, inputs, [self.status, self.scene, *self.downloads],
            api_name="reconstruct", show_progress_on=self.status, **MODEL_JOBS,
        )  # fmt: skip
        cancel_button(self.actions.sessions, self.stop, self.status, [job])

    def _choose(self, paths: list[str], request: gr.Request) -> tuple[str, str]:
        self.actions.choose_uploads(visitor(request), [Path(path) for path in paths])
        return message(f"{len(paths)} file{'s' if len(paths) > 1 else ''} uploaded."), UPLOAD

    def _reconstruct(
        self, source: str, model: str, numbers: str | None, most: float, fov: float | None, intrinsics: str | None,
        poses: str | None, request: gr.Request, progress: Callable[..., Any] = gr.Progress(),  # noqa: B008
    ) -> Iterator[Refresh]:  # fmt: skip
        yield {self.status: message("Reconstructing ...")}
        cameras = (fov, Path(intrinsics) if intrinsics else None, Path(poses) if poses else None)
        settings = ViewSettings(source, model, numbers or "", int(most), *cameras)
        shown = attempted(
            lambda: self.actions.reconstruct(visitor(request), settings, reporter(progress)), self.actions.sessions
        )
        if isinstance(shown, str):
            yield {self.status: shown}
        elif shown is not None:
            yield {self.scene: str(shown.model), **offered(self.downloads, shown.downloads)}
            yield {self.status: shown.status}  # as in ImageTab: the 3D view must not come last
