"""`unity-depth weights`: published weights of the depth models: which there are, where they lie, whether they load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.options import require_files
from unity_depth_perception.core.errors import ModelError

app = typer.Typer(help="Published weights of the depth models: list, fetch, check.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Depth model, one of `unity-depth weights list`.")]
_BYTES_PER_PARAMETER = 4


@app.command("list")
def list_weights() -> None:
    """List the depth models whose weights are published, with size, licence and where they lie on this machine."""
    from huggingface_hub import constants

    from unity_depth_perception.models.checkpoints.hub import cached_weights
    from unity_depth_perception.models.registry import published_weights

    table = Table("depth model", "size", "licence", "on this machine", box=None)
    for name, published in published_weights().items():
        path = cached_weights(published)
        size = path.stat().st_size if path else published.parameters_m * 1e6 * _BYTES_PER_PARAMETER
        table.add_row(name, f"{'' if path else 'about '}{_size(size)}", published.licence, str(path) if path else "-")
    console = Console()
    console.print(table)
    console.print("compact comes with the package.", markup=False)
    console.print(
        f"Cache: {constants.HF_HUB_CACHE} (HF_HOME moves it). For a machine without a network: `unity-depth weights "
        "fetch NAME` on one that has it, then copy the cache, or the folder of one model in it and name that as "
        "--depth-weights (parameter depth_weights).",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def fetch(name: NameArgument) -> None:
    """Download the weights of a depth model into the cache of the Hugging Face hub, unless they are there."""
    from unity_depth_perception.models.checkpoints.hub import locate_weights
    from unity_depth_perception.models.registry import published_weights

    published = published_weights().get(name)
    if published is None:
        raise ModelError(
            f"expected a depth model with published weights ({', '.join(published_weights())}), got {name!r}"
        )
    path = locate_weights(published)
    typer.echo(f"{name}: {path} ({_size(path.stat().st_size)}, {published.licence})")


@app.command()
def check(
    name: NameArgument,
    weights: Annotated[
        Path | None, typer.Option("--depth-weights", help="File or folder of the weights, instead of the cache.")
    ] = None,
) -> None:
    """Load the weights of a depth model and predict one image, to see that they are complete; nothing is downloaded."""
    require_files(weights, name)
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True  # what is not here shall be said, not fetched
    import torch

    from unity_depth_perception.core.camera import Camera
    from unity_depth_perception.models.registry import create_depth_estimator

    estimator = create_depth_estimator(name, torch.device("cpu"), weights)
    side = 224
    image = torch.full((side, side, 3), 127, dtype=torch.uint8)
    depth_m = estimator.infer(image, Camera.from_vertical_fov(1.0, side, side)).depth_m
    if not bool(depth_m.isfinite().any()):
        raise ModelError(f"{name}: the weights load, but predict no finite depth; fetch them again")
    typer.echo(f"{name}: the weights load and predict depth")


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
