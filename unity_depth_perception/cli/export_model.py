"""`unity-depth export-model`: the networks of a depth model as ONNX files, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unity_depth_perception.cli.options import DEPTH_MODELS, DepthWeightsOption, Size, SizeOption, require_files
from unity_depth_perception.core.errors import ConfigurationError


def export_model(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help=f"Path of weights of train-depth, or one of {', '.join(DEPTH_MODELS)}."),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    file_format: Annotated[str, typer.Option("--format", metavar="onnx", help="Format; there is one.")] = "onnx",
    size: SizeOption = Size(1024, 1024),
    depth_weights: DepthWeightsOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier export.")] = False,
) -> None:
    """Export a depth model's networks to ONNX, for images of one size, with a README of inputs, outputs and metres.

    Each file is compared with torch in ONNX Runtime, and its operators with those of Unity's Inference Engine.
    """
    if file_format != "onnx":
        raise ConfigurationError(f"expected the format onnx, got {file_format!r}")
    require_files(depth_weights, name)
    import torch

    from unity_depth_perception.models.engine.network_files.export_model import export_model as export
    from unity_depth_perception.models.registry import create_depth_estimator
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.synthetic.samples import render_samples

    estimator = create_depth_estimator(name, torch.device("cpu"), depth_weights, DepthOptions(precision="float32"))
    (sample,) = render_samples(seeds=[0], width=size.width, height=size.height)
    for path in export(estimator, torch.from_numpy(sample.image), sample.camera, output, overwrite=overwrite):
        typer.echo(str(path))
