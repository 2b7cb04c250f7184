"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from unity_depth_perception.core.errors import InputError, ModelError

DEPTH_MODELS = (
    *("compact", "floor-plane"),
    *(f"da2-metric-{place}-{size}" for place in ("indoor", "outdoor") for size in ("small", "base", "large")),
    *("da3metric-large", "da3nested-giant-large-1.1", "da3mono-large"),
    *("da3-small", "da3-base", "da3-large-1.1", "da3-giant-1.1"),
)
"""Names of the depth models, for --help, which does not load torch to ask the registry."""

_METRIC_MODELS = tuple(name for name in DEPTH_MODELS if not name.startswith(("da3-", "da3mono")))


@dataclass(frozen=True)
class Size:
    """Width and height of an image [px]."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str) -> Size:
    """Parse `1024x768` as a Size.

    Raises:
        typer.BadParameter: the text has another form, or a side is below 16 px.
    """
    width, _, height = str(text).lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 16 and int(height) >= 16):
        raise typer.BadParameter(f"expected WIDTHxHEIGHT with at least 16 px a side, such as 1024x768; got {text!r}")
    return Size(int(width), int(height))


SizeOption = Annotated[Size, typer.Option("--size", parser=parse_size, metavar="WxH", help="Image size in pixels.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
AccelerationOption = Annotated[
    str, typer.Option("--acceleration", help="auto, none, compile, cuda_graph, onnxruntime or openvino.")
]
CubeEdgeOption = Annotated[
    float,
    typer.Option("--cube-edge", metavar="M", min=0.005, max=5, help="Edge of the scene's cubes; of compact alone."),
]
DepthModelOption = Annotated[
    str,
    typer.Option("--depth-model", help=f"Path of weights of train-depth, or one of {', '.join(DEPTH_MODELS)}."),
]
DepthWeightsOption = Annotated[
    Path | None,
    typer.Option("--depth-weights", help="File or folder of the depth model's weights; default: the hub's."),
]
SegmentationModelOption = Annotated[
    str, typer.Option("--segmentation-model", help="compact, or the path of a checkpoint of train-segmentation.")
]
KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="room|open|table|mixed",
        help="Scenes in a room with walls, on open ground under a sky, on furniture, or some of each.",
    ),
]


def require_files(weights: Path | None, *models: str | None) -> None:
    """Raise ModelError if weights that are named by a path are not there, before torch is imported.

    Unknown names of models, and models without metres, are left to the registry.
    """
    paths = [Path(model) for model in models if model is not None and model.endswith((".safetensors", ".pth", ".pt"))]
    known = all(model is None or model in _METRIC_MODELS or Path(model) in paths for model in models)
    for path in [*paths, *([weights] if weights is not None and known else [])]:
        if not path.exists():
            raise ModelError(f"{path}: no such weights file")


def require_datasets(paths: Sequence[Path]) -> None:
    """Raise InputError if a dataset is not there, before torch is imported."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise InputError(f"{', '.join(missing)}: no such dataset folder or file")
