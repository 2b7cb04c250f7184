"""What a file of an exported network holds: the network, its inputs and outputs, and how metres are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

IMAGENET_INPUT = (
    "RGB, 0..1, of each channel minus its mean (0.485, 0.456, 0.406), over its deviation (0.229, 0.224, 0.225); "
    "first row at the top"
)


class Port(NamedTuple):
    """An input or output of the network.

    Attributes:
        name: in the file.
        meaning: shape, unit and range in words.
    """

    name: str
    meaning: str


@dataclass(frozen=True)
class NetworkFile:
    """A network to export.

    Attributes:
        name: of the file, without suffix.
        network: in evaluation mode, float32, on the CPU.
        arguments: example inputs, of the sizes that the file is made for.
        inputs, outputs: in the order of the network's arguments and results.
        use: how metres, or what else the network is for, are made of the outputs.
    """

    name: str
    network: nn.Module
    arguments: tuple[Tensor, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    use: str
