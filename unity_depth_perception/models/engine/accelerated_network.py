"""A network that runs in an inference engine wherever that gives torch's result, and in torch elsewhere.

The first call with inputs of a new size runs in torch. Its result is what an engine's is checked against: an engine
that differs by more than `choice.TOLERANCE` is refused. Exporting takes from seconds to a minute, so it happens inside
`exporting` only, where a model is prepared; elsewhere a size is run by an engine only if its export is in the cache.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from unity_depth_perception.models.engine.cache import CacheEntry, weights_digest
from unity_depth_perception.models.engine.choice import agreeing_sessions, measure_times
from unity_depth_perception.models.engine.onnx_file import export_onnx, tensors_in
from unity_depth_perception.models.engine.sessions import Session, versions

_TORCH = "torch"
_MAX_SIZES = 8  # sessions kept, one per size of the inputs
_HOW_TO_PREPARE = "tell the image size at the start (of a node: camera_intrinsics_file)"
_MAX_LOAD_PER_CORE = 1.5  # of the last minute; an export alone makes 0.5 on two cores
_LOG = logging.getLogger(__name__)
_may_export: ContextVar[bool] = ContextVar("may_export", default=False)


@contextmanager
def exporting() -> Iterator[None]:
    """Allow the networks that are called in the block to be exported, which takes from seconds to a minute each."""
    token = _may_export.set(True)
    try:
        yield
    finally:
        _may_export.reset(token)


def is_exporting() -> bool:
    """Whether this is inside `exporting`."""
    return _may_export.get()


class AcceleratedNetwork:
    """Callable like the network, with the same results to `choice.TOLERANCE`, that runs in an inference engine."""

    def __init__(
        self, network: nn.Module, engines: Sequence[str], device: torch.device, name: str, *, if_faster: bool
    ) -> None:
        """Nothing is exported or loaded before the first call.

        Args:
            network: in evaluation mode, float32; its weights must not change any more.
            engines: installed engines.
            device: of the network.
            name: of the network in the log.
            if_faster: take the fastest of the engines and torch, measured once, when the network is exported. On a
                machine that is busy then, and without this, the first engine is taken.
        """
        self._network = network
        self._engines = tuple(engines)
        self._device = device
        self._name = name
        self._if_faster = if_faster
        self._digest = ""
        self._runs: dict[tuple[torch.Size, ...], _EngineRun | None] = {}  # None: torch

    def __call__(self, *arguments: Any) -> Any:
        """Result of the network."""
        inputs = tensors_in(arguments)
        size = tuple(tensor.shape for tensor in inputs)
        run = self._runs.get(size)
        if run is not None:
            try:
                return run(inputs)
            except Exception as error:  # noqa: BLE001 - engines raise anything
                self._warn("failed", error)
                self._runs[size] = None
        result = self._network(*arguments)
        if size not in self._runs or (self._runs[size] is None and is_exporting()):
            while len(self._runs) >= _MAX_SIZES:
                del self._runs[next(iter(self._runs))]
            self._runs[size] = self._prepare(arguments, result)
        return result

    def _prepare(self, arguments: tuple[Any, ...], result: Any) -> _EngineRun | None:
        """Load the export for inputs of this size, whose result in torch is `result`; None: run this size in torch."""
        inputs, expected = tensors_in(arguments), tensors_in(result)
        try:
            self._digest = self._digest or weights_digest(self._network)
            entry = CacheEntry.of(self._digest, inputs)
            is_new = not entry.model.is_file()
            if is_new and not self._export(entry, arguments):
                return None
            fastest = self._known_fastest(entry)
            if fastest == _TORCH:
                return None
            engines = (fastest,) if fastest else self._engines
            sessions = agreeing_sessions(engines, entry.model, inputs, expected, self._name)
            if not sessions and not is_new and self._export(entry, arguments, replace=True):
                fastest = ""
                sessions = agreeing_sessions(self._engines, entry.model, inputs, expected, self._name)
            if sessions and self._if_faster and not fastest and is_exporting():
                fastest = self._measure_fastest(entry, sessions, arguments) if _is_idle() else ""
        except Exception as error:  # noqa: BLE001 - exporters and engines raise anything
            self._warn("cannot be used", error)
            return None
        session = sessions.get(fastest) if fastest else next(iter(sessions.values()), None)
        return None if session is None else _EngineRun(session, result)

    def _export(self, entry: CacheEntry, arguments: tuple[Any, ...], replace: bool = False) -> bool:
        """Export the network into the cache; False where that is not allowed."""
        sizes = ", ".join("x".join(map(str, tensor.shape)) for tensor in tensors_in(arguments))
        if not is_exporting():
            _LOG.warning(
                "%s is not exported for inputs of %s: running in torch; %s", self._name, sizes, _HOW_TO_PREPARE
            )
            return False
        _LOG.info("exporting %s for inputs of %s, once; this takes from seconds to a minute", self._name, sizes)
        start_s = time.perf_counter()
        entry.fill(lambda path: export_onnx(self._network, arguments, path), replace)
        _LOG.info("exported %s in %.0f s to %s", self._name, time.perf_counter() - start_s, entry.folder)
        return True

    def _conditions(self) -> dict[str, Any]:
        """What measured times depend on."""
        return {"threads": torch.get_num_threads(), "versions": versions(_TORCH, *self._engines)}

    def _known_fastest(self, entry: CacheEntry) -> str:
        """The fastest engine, or torch, as measured when the network was exported; empty where that is not known."""
        stored = entry.read_times()
        times_s = stored.pop("times_s", None)
        if not self._if_faster or stored != self._conditions() or not isinstance(times_s, dict):
            return ""
        return min((*self._engines, _TORCH), key=lambda name: times_s.get(name, math.inf))

    def _measure_fastest(self, entry: CacheEntry, sessions: Mapping[str, Session], arguments: tuple[Any, ...]) -> str:
        """The fastest of torch and the sessions on these inputs; kept in the cache."""
        inputs = tensors_in(arguments)
        calls = {name: functools.partial(session, inputs) for name, session in sessions.items()}
        times_s = measure_times({**calls, _TORCH: lambda: self._network(*arguments)})
        entry.write_times({**self._conditions(), "times_s": times_s})
        ranked = sorted(times_s, key=lambda name: times_s[name])
        told = ", ".join(f"{name} {times_s[name] * 1e3:.1f} ms" for name in ranked)
        _LOG.info("%s runs in %s: %s", self._name, ranked[0], told)
        return ranked[0]

    def _warn(self, what: str, error: Exception) -> None:
        engines, first = " or ".join(self._engines), (str(error).splitlines() or [""])[0]
        _LOG.warning("%s %s for %s (%s: %s): running in torch", engines, what, self._name, type(error).__name__, first)


def _is_idle() -> bool:
    """Whether times that are measured now tell something: other programs leave the cores free."""
    return os.getloadavg()[0] <= _MAX_LOAD_PER_CORE * (os.cpu_count() or 1)


class _EngineRun:
    """A session that returns its outputs in the structure of the network's result."""

    def __init__(self, session: Session, result: Any) -> None:
        leaves, self._structure = pytree.tree_flatten(result)
        self._session = session
        self._constants = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self._outputs = [index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def __call__(self, inputs: Sequence[Tensor]) -> Any:
        leaves: list[Any] = list(self._constants)
        for index, output in zip(self._outputs, self._session(inputs), strict=True):
            leaves[index] = output
        return pytree.tree_unflatten(leaves, self._structure)
