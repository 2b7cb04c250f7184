"""The page: a tab for each job. Needs the extra `web`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr

from unity_depth_perception.web.actions import PageActions
from unity_depth_perception.web.evaluation import EvaluationActions
from unity_depth_perception.web.reconstruction import ReconstructionActions
from unity_depth_perception.web.tabs.evaluation_tab import EvaluationTab
from unity_depth_perception.web.tabs.image_tab import ImageTab
from unity_depth_perception.web.tabs.job import visitor
from unity_depth_perception.web.tabs.reconstruction_tab import ReconstructionTab
from unity_depth_perception.web.texts import message

CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_BLUE, _GREY, _PALE = "#1d4ed8", "*neutral_600", "*neutral_300"  # contrast with the background is at least 4.5 to 1
THEME = gr.themes.Default(
    primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(
    button_primary_background_fill=_BLUE, button_primary_background_fill_dark=_BLUE,
    button_primary_background_fill_hover="#1e40af", button_primary_background_fill_hover_dark="#1e40af",
    block_info_text_color=_GREY, block_info_text_color_dark=_PALE,
    block_label_text_color=_GREY, block_label_text_color_dark=_PALE,
    block_title_text_color=_GREY, block_title_text_color_dark=_PALE,
    body_text_color_subdued=_GREY, body_text_color_subdued_dark=_PALE,
    input_placeholder_color=_GREY, input_placeholder_color_dark=_PALE,
)  # fmt: skip
_INTRODUCTION = "# Depth and distances\nMeasure in one image, reconstruct a scene from several, evaluate on a dataset."


@dataclass(frozen=True)
class AllActions:
    """What a visitor can do on the page, by tab."""

    image: PageActions
    reconstruction: ReconstructionActions
    evaluation: EvaluationActions


def build_page(actions: AllActions, wait_for_model: Callable[[], None]) -> gr.Blocks:
    """The page as Gradio serves it; it says that the model is loading until `wait_for_model` returns."""

    def loaded() -> Any:
        wait_for_model()
        return gr.HTML(visible=False)

    def end(request: gr.Request) -> None:
        actions.image.sessions.end(visitor(request))

    with gr.Blocks(title="unity_depth_perception") as page:
        gr.Markdown(_INTRODUCTION)
        loading = gr.HTML(message("Loading the model; what is started now begins when it is there."), elem_id="loading")
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("One image"):
                ImageTab(actions.image)
            with gr.Tab("Reconstruct"):
                ReconstructionTab(actions.reconstruction)
            with gr.Tab("Evaluate"):
                EvaluationTab(actions.evaluation)
        page.load(loaded, None, loading, show_progress="hidden", concurrency_limit=None)
        page.unload(end)
    return page
