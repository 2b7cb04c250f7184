"""What the tabs share: who asks, progress of a job, its end in a result or a sentence, the Cancel button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from unity_depth_perception.core.errors import JobCancelledError, PerceptionError
from unity_depth_perception.web.session import Report, Sessions
from unity_depth_perception.web.texts import message
from unity_depth_perception.web.uploads import sentence

MODEL_JOBS = {"concurrency_limit": 1, "concurrency_id": "models"}
ANGLE = (90, 75, None)  # alpha and beta [deg] of a 3D view: from the first camera's side, a little from above
CANCELLED = "Cancelled. What is under way ends with the image that is being processed."

Refresh = dict[Any, Any]
"""New values of components."""
Result = TypeVar("Result")


def visitor(request: gr.Request) -> str:
    """Name of the visitor's session."""
    return str(request.session_hash)


def reporter(progress: Callable[..., Any]) -> Report:
    """Shows on the page how far a job is."""

    def report(stage: str, done: int, count: int) -> None:
        of = f": image {done + 1} of {count}" if count > 1 else ""
        progress(done / count, desc=f"{stage.capitalize()}{of}")

    return report


def problem(error: PerceptionError, sessions: Sessions) -> str:
    """Text of an error for the status line, without folders of this machine."""
    return message(sentence(error, sessions.root), is_error=True)


def attempted(work: Callable[[], Result], sessions: Sessions) -> Result | str | None:
    """The result of a job; a text for the status line if it fails, None if it is cancelled."""
    try:
        return work()
    except JobCancelledError:
        return None
    except PerceptionError as error:
        return problem(error, sessions)


def cancel_button(sessions: Sessions, stop: gr.Button, status: gr.HTML, jobs: Sequence[Any]) -> None:
    """Let a button end the visitor's jobs: waiting ones at once, a running one after the image under way."""

    def cancel(request: gr.Request) -> str:
        sessions.of(visitor(request)).cancel()
        return message(CANCELLED)

    stop.click(cancel, None, status, cancels=list(jobs), queue=False)


def download_buttons(names: Sequence[str]) -> list[gr.DownloadButton]:
    """A button for each file of a result; dead until there is one."""
    return [gr.DownloadButton(name, interactive=False, min_width=100) for name in names]


def offered(buttons: Sequence[gr.DownloadButton], paths: Sequence[Path]) -> Refresh:
    """The buttons with their files."""
    return {
        button: gr.DownloadButton(value=str(path), interactive=True)
        for button, path in zip(buttons, paths, strict=True)
    }
