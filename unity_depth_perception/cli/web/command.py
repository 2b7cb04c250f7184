"""`unity-depth web`: a page on which images are dropped and measured."""

from __future__ import annotations

import importlib.util
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from unity_depth_perception.cli.options import DEPTH_MODELS, DeviceOption, SegmentationModelOption, require_files
from unity_depth_perception.core.errors import ConfigurationError


def web(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: the first free one from 7860 on.")] = 0,
    depth_model: Annotated[
        list[str] | None,
        typer.Option(
            "--depth-model",
            help=f"Model to offer; repeat for several. Weights of train-depth, or {', '.join(DEPTH_MODELS)}.",
        ),
    ] = None,
    segmentation_model: SegmentationModelOption = "compact",
    dataset: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Dataset or bag whose frames visitors may choose.")
    ] = None,
    device: DeviceOption = "auto",
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a page: drop an image, see objects, depth and a 3D view, click pixels for their distances."""
    names = depth_model or ["compact", "floor-plane"]
    require_files(None, *names, segmentation_model)
    if importlib.util.find_spec("gradio") is None:
        raise ConfigurationError("the page needs the package gradio: pip install unity-depth-perception[web]")
    if dataset is not None and not dataset.exists():
        raise ConfigurationError(f"{dataset}: no such dataset folder or file")

    from unity_depth_perception.web.models import PageModels
    from unity_depth_perception.web.server import ServerOptions, serving

    models = PageModels(names, segmentation_model, device)
    typer.echo("loading the model and rendering the examples ...")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uploads must go however the page is ended
    with serving(models, dataset, ServerOptions(host, port, open_browser)) as address:
        typer.echo(f"the page is at {address} (Ctrl-C ends it)")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            typer.echo("ended; uploads and results are removed")
