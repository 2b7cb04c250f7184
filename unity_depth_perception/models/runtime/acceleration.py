"""Numeric precision of a network, and its acceleration by torch.compile, a CUDA graph or an inference engine.

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

from unity_depth_perception.models.engine.accelerated_network import AcceleratedNetwork
from unity_depth_perception.models.engine.sessions import ENGINES, how_to_install, is_installed

_LOG = logging.getLogger(__name__)
_MIN_BFLOAT16_SPEEDUP = 1.5  # with less, the coarser rounding of bfloat16 is not worth it
_EMULATED = 0.5  # of that speedup: with less on small matrices, large ones are slower yet
_MAX_GRAPHS = 4  # CUDA graphs kept, one per image size

Network = Callable[..., Any]


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


def accelerate(
    network: Network,
    acceleration: str,
    device: torch.device,
    name: str = "the network",
    precision: torch.dtype = torch.float32,
) -> Network:
    """The network with an acceleration of ACCELERATIONS, or unchanged if that is not available.

    Args:
        network: its arguments and results are tensors, or nested tuples, lists and dictionaries of them.
        acceleration: `auto` takes the fastest of the installed engines and torch on a CPU, and `none` on a GPU.
        device: of the network.
        name: of the network in the log.
        precision: that the network runs in; an engine runs float32 networks alone.
    """
    if acceleration == "compile":
        return _Fallback(torch.compile(network, dynamic=False), network, "torch.compile")
    if acceleration == "cuda_graph" and device.type == "cuda":
        return _Fallback(_Graphs(network), network, "CUDA graph")
    if acceleration == "cuda_graph":
        _LOG.warning("CUDA graphs need a GPU: running on %s without", device)
    engines = _engines(acceleration, device, precision)
    if engines and isinstance(network, nn.Module):
        return AcceleratedNetwork(network, engines, device, name, if_faster=acceleration == "auto")
    return network


def _engines(acceleration: str, device: torch.device, precision: torch.dtype) -> list[str]:
    """The engines that an acceleration allows; those that were asked for and cannot be used are logged."""
    if acceleration == "auto":
        usable = device.type == "cpu" and precision == torch.float32
        return [engine for engine in ENGINES if usable and is_installed(engine)]
    if acceleration not in ENGINES:
        return []
    if precision != torch.float32:
        _LOG.warning("%s runs networks in float32, this one runs in %s: running in torch", acceleration, precision)
        return []
    if not is_installed(acceleration):
        _LOG.warning("%s; running in torch", how_to_install(acceleration))
        return []
    return [acceleration]


class _Fallback:
    """Callable that uses `fast` until it fails once, then always `plain`."""

    def __init__(self, fast: Network, plain: Network, name: str) -> None:
        self._fast: Network | None = fast
        self._plain = plain
        self._name = name

    def __call__(self, *arguments: Any) -> Any:
        if self._fast is not None:
            try:
                return self._fast(*arguments)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, OSError, ImportError, TypeError, AttributeError) as error:  # compilers raise anything
                first = (str(error).splitlines() or [""])[0]
                _LOG.warning("%s failed (%s: %s): running without", self._name, type(error).__name__, first)
                self._fast = None
        return self._plain(*arguments)


class _Graphs:
    """Callable that replays the whole network as one CUDA graph, captured once per size of the inputs."""

    def __init__(self, network: Network) -> None:
        self._capture = functools.lru_cache(maxsize=_MAX_GRAPHS)(functools.partial(_captured, network))

    def __call__(self, *arguments: Any) -> Any:
        inputs, structure = pytree.tree_flatten(arguments)
        forms = tuple((tuple(tensor.shape), tensor.dtype, tensor.device) for tensor in inputs)
        graph, static_in, static_out = self._capture(structure, forms)
        for static, tensor in zip(static_in, inputs, strict=True):
            static.copy_(tensor)
        graph.replay()
        # The next replay overwrites the outputs, which a caller may still hold.
        return pytree.tree_map_only(Tensor, torch.clone, static_out)


def _captured(
    network: Network, structure: pytree.TreeSpec, forms: tuple[tuple[tuple[int, ...], torch.dtype, torch.device], ...]
) -> tuple[torch.cuda.CUDAGraph, list[Tensor], Any]:
    """A captured graph, its inputs and its output; after three warm-up runs on a side stream, as torch's manual asks.

    Args:
        structure: of the arguments.
        forms: shape, type and device of each tensor in them.
    """
    device = forms[0][2]
    with torch.inference_mode(False):  # they are written to in whatever mode a later call is made
        static_in = [torch.zeros(shape, dtype=dtype, device=place) for shape, dtype, place in forms]
    arguments = pytree.tree_unflatten(static_in, structure)
    side_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side_stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side_stream):
        for _ in range(3):
            network(*arguments)
    torch.cuda.current_stream(device).wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    # A capture for the whole process would fail other threads that allocate memory meanwhile, and be failed by them.
    with torch.cuda.device(device), torch.cuda.graph(graph, capture_error_mode="thread_local"):
        static_out = network(*arguments)
    return graph, static_in, static_out


@functools.lru_cache(maxsize=1)
def _bfloat16_speedup() -> float:
    """Speed of matrix products in bfloat16 over float32 on this CPU.

    It takes 0.2 s: where small products tell that bfloat16 is emulated, no large one is measured, which takes seconds.
    """
    speedup = 0.0
    for side in (256, 1024):
        speedup = _matmul_s(torch.float32, side) / _matmul_s(torch.bfloat16, side)
        if speedup < _EMULATED:
            break
    return speedup


def _matmul_s(dtype: torch.dtype, side: int) -> float:
    """Shortest of three times [s] of a product of two square matrices."""
    a = torch.ones(side, side, dtype=dtype)
    times_s = []
    for _ in range(3):
        start_s = time.perf_counter()
        a @ a
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
