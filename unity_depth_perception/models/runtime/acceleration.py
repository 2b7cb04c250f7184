"""Numeric precision of a network, and its acceleration by torch.compile or a CUDA graph.

Nothing here changes predictions beyond rounding. An acceleration that the machine does not support is skipped with a
warning in the log.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

_LOG = logging.getLogger(__name__)
_MIN_BFLOAT16_SPEEDUP = 1.5  # with less, the coarser rounding of bfloat16 is not worth it
_MAX_GRAPHS = 4  # CUDA graphs kept, one per image size

Network = Callable[[Tensor], Any]


def resolve_precision(requested: str, device: torch.device) -> torch.dtype:
    """Data type for the requested precision: `auto`, `float32`, `bfloat16` or `float16`.

    auto: bfloat16 on a GPU, as in the authors' code (float16 on a GPU without bfloat16); on a CPU bfloat16 if matrix
    products are at least 1.5 times as fast in it, else float32.
    """
    if requested != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[requested]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and _bfloat16_speedup() >= _MIN_BFLOAT16_SPEEDUP:
        return torch.bfloat16
    return torch.float32


def arithmetic(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Context manager in which matrix products and convolutions run in `dtype` (autocast); float32 changes nothing."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def cast_matrices(layers: nn.Module, dtype: torch.dtype) -> None:
    """Store the weights of linear layers and convolutions in `dtype`, those of other layers (norms) unchanged."""
    for module in layers.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(dtype)


def accelerate(network: Network, acceleration: str, device: torch.device) -> Network:
    """The network with an acceleration (`none`, `compile` or `cuda_graph`), or unchanged if that is not available."""
    if acceleration == "compile":
        return _Fallback(torch.compile(network, dynamic=False), network, "torch.compile")
    if acceleration == "cuda_graph" and device.type == "cuda":
        return _Fallback(_Graphs(network), network, "CUDA graph")
    if acceleration == "cuda_graph":
        _LOG.warning("CUDA graphs need a GPU: running on %s without", device)
    return network


class _Fallback:
    """Callable that uses `fast` until it fails once, then always `plain`."""

    def __init__(self, fast: Network, plain: Network, name: str) -> None:
        self._fast: Network | None = fast
        self._plain = plain
        self._name = name

    def __call__(self, image: Tensor) -> Any:
        if self._fast is not None:
            try:
                return self._fast(image)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, OSError, ImportError, TypeError, AttributeError) as error:  # compilers raise anything
                first = (str(error).splitlines() or [""])[0]
                _LOG.warning("%s failed (%s: %s): running without", self._name, type(error).__name__, first)
                self._fast = None
        return self._plain(image)


class _Graphs:
    """Callable that replays the whole network as one CUDA graph, captured once per image size."""

    def __init__(self, network: Network) -> None:
        self._capture = functools.lru_cache(maxsize=_MAX_GRAPHS)(functools.partial(_captured, network))

    def __call__(self, image: Tensor) -> Any:
        graph, static_in, static_out = self._capture(tuple(image.shape), image.dtype, image.device)
        static_in.copy_(image)
        graph.replay()
        # The next replay overwrites the outputs, which a caller may still hold.
        return pytree.tree_map_only(Tensor, torch.clone, static_out)


def _captured(
    network: Network, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> tuple[torch.cuda.CUDAGraph, Tensor, Any]:
    """A captured graph, its input and its output; after three warm-up runs on a side stream, as torch's manual asks."""
    static_in = torch.zeros(shape, dtype=dtype, device=device)
    side_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side_stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side_stream):
        for _ in range(3):
            network(static_in)
    torch.cuda.current_stream(device).wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        static_out = network(static_in)
    return graph, static_in, static_out


@functools.lru_cache(maxsize=1)
def _bfloat16_speedup() -> float:
    """Speed of matrix products in bfloat16 over float32 on this CPU; the measurement takes about 0.1 s."""
    return _matmul_s(torch.float32) / _matmul_s(torch.bfloat16)


def _matmul_s(dtype: torch.dtype) -> float:
    """Shortest of three times [s] of a 1024 x 1024 matrix product."""
    a = torch.ones(1024, 1024, dtype=dtype)
    times_s = []
    for _ in range(3):
        start_s = time.perf_counter()
        a @ a
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
