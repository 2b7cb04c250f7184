"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer


class Size(NamedTuple):
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
DepthModelOption = Annotated[
    str, typer.Option("--depth-model", help="Name of the depth model, or the path of weights of train-depth.")
]
DepthWeightsOption = Annotated[
    Path | None,
    typer.Option("--depth-weights", help="File or folder of the depth model's weights; default: the hub's."),
]
SegmentationModelOption = Annotated[
    str, typer.Option("--segmentation-model", help="Name of the segmentation model, or the path of a checkpoint.")
]
