"""Server of the page: one temporary folder for everything that visitors upload and get, gone when the server ends."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.core.errors import ConfigurationError, PerceptionError
from unity_depth_perception.dataset.sources import open_source
from unity_depth_perception.web.actions import CameraSettings, PageActions
from unity_depth_perception.web.evaluation import EvaluationActions
from unity_depth_perception.web.examples import PageDatasets, render_examples
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.reconstruction import ReconstructionActions
from unity_depth_perception.web.session import Sessions
from unity_depth_perception.web.uploads import MAX_UPLOAD_BYTES

_POLL_S = 0.05  # for waiting jobs
_WAITING = 16  # jobs; who comes then is told to try again
_WARM_UP = "warm-up"  # name of a session


@dataclass(frozen=True)
class ServerOptions:
    """Options of the server; `port` 0 takes a free one from 7860 on."""

    host: str = "127.0.0.1"
    port: int = 0
    opens_browser: bool = False


@contextmanager
def serving(models: PageModels, dataset: Path | None = None, options: ServerOptions = ServerOptions()) -> Iterator[str]:
    """Serve the page while the block runs; gives its address.

    Raises:
        PerceptionError: a model, the dataset or the port cannot be used.
    """
    samples = None if dataset is None else open_source(dataset)
    models.load(models.names[0])
    with tempfile.TemporaryDirectory(prefix="unity-depth-web-") as folder:
        root = Path(folder).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(root)  # uploads go there; only files below it are served
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        from unity_depth_perception.web.page import CSS, THEME, AllActions, build_page

        sessions, datasets = Sessions(root), PageDatasets(samples)
        images = PageActions(models, sessions, render_examples(root / "examples"), samples)
        actions = AllActions(
            images,
            ReconstructionActions(models, sessions, datasets),
            EvaluationActions(models, sessions, datasets),
        )
        warm_up = threading.Thread(target=_warm_up, args=(images,), daemon=True)
        page = build_page(actions, warm_up.join)
        warm_up.start()
        page.queue(max_size=_WAITING)
        page._queue.sleep_when_free = _POLL_S  # Gradio asks each millisecond, 6 % of a CPU that nobody uses
        try:
            _, address, _ = page.launch(
                server_name=options.host,
                server_port=options.port or None,
                inbrowser=options.opens_browser,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                allowed_paths=[],
                max_file_size=MAX_UPLOAD_BYTES,
                footer_links=[],
                enable_monitoring=False,
                theme=THEME,
                css=CSS,
            )
        except OSError:  # its text advises on Gradio's own settings
            place = options.host if not options.port else f"{options.host}:{options.port}"
            raise ConfigurationError(
                f"cannot serve on {place}: the port is taken, or this machine has no such address; choose another"
            ) from None
        try:
            yield address
        finally:
            page.close()
            sessions.end(_WARM_UP)
            warm_up.join()


def _warm_up(actions: PageActions) -> None:
    """Perceive an example, so that no visitor waits for what is loaded only once."""
    try:
        actions.choose_example(_WARM_UP, 0)
        for _ in actions.perceive(_WARM_UP, actions.models.names[0], CameraSettings(None)):
            pass
    except PerceptionError:
        return  # the visitor who meets it is told, or the page has ended
    finally:
        actions.sessions.end(_WARM_UP)
