"""Export of a network to an ONNX file, with fixed input sizes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

OPSET = 18
"""The lowest opset that torch's exporter writes without converting."""
_LARGEST_BYTES = 1 << 30  # a protobuf message holds at most 2 GiB: larger weights go into a file beside it


class MethodModule(nn.Module):
    """A method of a network as a module, so that it can be exported and accelerated alone."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network = network
        self._method = method

    def forward(self, *arguments: Any) -> Any:
        """Result of the method."""
        return getattr(self.network, self._method)(*arguments)

    def extra_repr(self) -> str:
        """Name of the method."""
        return self._method


class _FlatModule(nn.Module):
    """A network whose inputs and outputs are flat sequences of tensors, as in an ONNX file."""

    def __init__(self, network: nn.Module, arguments: Any) -> None:
        super().__init__()
        self.network = network
        self._structure = pytree.tree_structure(arguments)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors_in(self.network(*pytree.tree_unflatten(tensors, self._structure))))


def tensors_in(values: Any) -> list[Tensor]:
    """The tensors of nested tuples, lists, dictionaries and registered dataclasses, in a fixed order; None is left out.

    This is the order of the inputs and outputs of an exported file.
    """
    return [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, Tensor)]


def export_onnx(
    network: nn.Module,
    arguments: tuple[Any, ...],
    path: Path,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> None:
    """Write a network as an ONNX file for inputs of exactly these sizes.

    Args:
        network: in evaluation mode; called once with `arguments` before, so that what it caches by size is there.
        arguments: example inputs; tensors, or nested tuples of tensors.
        path: of the file; weights above 1 GiB are written beside it, with the suffix `.data`.
        input_names, output_names: of the tensors in the order of `tensors_in`.

    Raises:
        Exception: of any type, where the network has an operation that cannot be exported.
    """
    # Tensors made under inference mode cannot be traced.
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        tensors = tuple(tensor.clone().contiguous() for tensor in tensors_in(arguments))
        flat = _FlatModule(network, arguments).eval()
        program = torch.onnx.export(
            flat,
            tensors,
            dynamo=True,
            opset_version=OPSET,
            input_names=input_names,
            output_names=output_names,
            verbose=False,
        )
        assert program is not None  # for mypy: with dynamo and without a file name there is one
        size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
        program.save(path, external_data=size > _LARGEST_BYTES)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter and its libraries say about their own workings."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
