"""A GPU simulated on the CPU: tensors that are on a device of their own and whose values are in host memory.

Inside `simulated_gpu()` code runs as on a GPU, with its real values, as far as the place of tensors goes. Operations
between the devices are refused as torch refuses them, `numpy()` of a tensor on the GPU is too, and each operation that
makes the host wait for the GPU is counted by the line that calls it. Neither speed nor rounding is simulated.

The device is torch's meta device, since torch calls the driver for tensors on cuda. Code that asks for the device type
cuda therefore takes its branch for other devices.
"""

from __future__ import annotations

import functools
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from host_syncs import calling_line
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("meta")
_CPU = torch.device("cpu")
_PACKAGE = "unity_depth_perception"
_aten = torch.ops.aten
_WAITS = {
    _aten._local_scalar_dense.default,
    _aten.nonzero.default,
    _aten.masked_select.default,
    _aten.bincount.default,  # reads the largest value to know its length
    _aten.repeat_interleave.Tensor,  # reads the sum, unless output_size tells it
    _aten._unique2.default,
    _aten.equal.default,
}
"""Operations for whose result the host waits. Transfers from and to pageable memory come on top."""


class DeviceMismatchError(RuntimeError):
    """Tensors of different devices in one operation."""


class SimulatedTensor(Tensor):
    """A tensor on the simulated GPU; `host` has its values."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> SimulatedTensor:
        """Wrap a tensor of the CPU."""
        made: SimulatedTensor = Tensor._make_wrapper_subclass(
            cls, host.size(), strides=host.stride(), storage_offset=host.storage_offset(), dtype=host.dtype,
            device=GPU, requires_grad=host.requires_grad,
        )  # fmt: skip
        made.host = host
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        raise DeviceMismatchError(f"{func}: a tensor of the simulated GPU outside of simulated_gpu()")

    def numpy(self, *, force: bool = False) -> Any:
        """As torch: refused unless forced."""
        if not force:
            raise TypeError("can't convert a tensor of the GPU to numpy; use Tensor.cpu() first")
        return self.cpu().numpy()

    def tolist(self) -> Any:
        """One download."""
        return self.cpu().tolist()

    def __getitem__(self, index: Any) -> Tensor:
        """As torch, which uploads an index that is a list."""
        parts = index if isinstance(index, tuple) else (index,)
        uploaded = tuple(
            torch.tensor(each, dtype=torch.int64).to(GPU) if isinstance(each, list) else each for each in parts
        )
        found: Tensor = super().__getitem__(uploaded)
        return found

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:  # type: ignore[override]
        """One upload."""
        return torch.tensor(data, dtype=dtype or self.dtype).to(GPU)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"SimulatedTensor({self.host})"


class _Simulation(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs operations of simulated tensors on their host values, and counts those that wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        leaves = pytree.tree_leaves((args, kwargs))
        tensors = [each for each in leaves if isinstance(each, Tensor)]
        simulated = [each for each in tensors if isinstance(each, SimulatedTensor)]
        target = kwargs.get("device")
        if not simulated and GPU not in [each for each in leaves if isinstance(each, torch.device)]:
            return func(*args, **kwargs)
        with self:  # inference mode hands over operations that are made of others
            out = func.decompose(*args, **kwargs)
        if out is not NotImplemented:
            return out
        is_transfer = func in (_aten._to_copy.default, _aten.copy_.default)
        if not is_transfer:
            self._require_one_device(func, tensors)
        self._count(func, args, kwargs, tensors, simulated, is_transfer)
        to_gpu = torch.device(target) == GPU if target is not None else bool(simulated)
        if func is _aten.copy_.default:
            to_gpu = isinstance(args[0], SimulatedTensor)
        if target is not None:
            kwargs["device"] = _CPU
        owners = {id(each.host): each for each in simulated}
        values, options = pytree.tree_map_only(SimulatedTensor, lambda each: each.host, (args, kwargs))
        if func is _aten._to_copy.default and to_gpu is not bool(simulated):
            out = func(*values, **options).clone()  # a transfer never shares memory
        else:
            out = func(*values, **options)
        if not to_gpu or func in (_aten._local_scalar_dense.default,):
            return out
        return pytree.tree_map_only(
            Tensor, lambda each: owners[id(each)] if id(each) in owners else SimulatedTensor(each), out
        )

    def _require_one_device(self, func: Any, tensors: list[Tensor]) -> None:
        """As torch: tensors without dimensions may come from the CPU, and so may indices."""
        on_cpu = [each for each in tensors if not isinstance(each, SimulatedTensor) and each.ndim > 0]
        is_index = func.overloadpacket in (_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_)
        if len(on_cpu) < len(tensors) and on_cpu and not is_index:
            raise DeviceMismatchError(f"{func}: tensors on the GPU and on the CPU at {calling_line()}")

    def _count(
        self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor], simulated: list[Any], is_transfer: bool
    ) -> None:
        """Count operations that read a value, masks as indices, and transfers that block."""
        waits = func in _WAITS and not (
            func is _aten.repeat_interleave.Tensor and kwargs.get("output_size") is not None
        )
        if func.overloadpacket in (_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_):
            waits = any(each is not None and each.dtype in (torch.bool, torch.uint8) for each in args[1])
            waits |= any(each is not None and not isinstance(each, SimulatedTensor) for each in args[1])
        if is_transfer and not kwargs.get("non_blocking", False):
            target = kwargs.get("device")
            if func is _aten.copy_.default:
                waits = len(simulated) == 1
            elif target is not None:
                waits = (torch.device(target) == GPU) is not bool(simulated)
        if waits:
            self.waits[calling_line()] += 1


@contextmanager
def simulated_gpu() -> Iterator[Counter[str]]:
    """Simulate a GPU in a block; yields how often each line (file:line) makes the host wait."""
    simulation, autocast = _Simulation(), torch.autocast

    def host_autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
        return autocast("cpu" if device_type == GPU.type else device_type, *args, **kwargs)

    def uploading(make: Any) -> Any:
        def make_and_upload(data: Any, *, device: Any = None, **options: Any) -> Any:
            is_gpu = device is not None and torch.device(device) == GPU
            if not is_gpu or isinstance(data, Tensor):
                return make(data, device=device, **options)
            return make(data, **options).to(GPU)

        return make_and_upload

    with (
        mock.patch.object(torch, "autocast", host_autocast),
        mock.patch.object(torch, "tensor", uploading(torch.tensor)),
        mock.patch.object(torch, "as_tensor", uploading(torch.as_tensor)),
        # Inference tensors cannot be wrapped: inference mode only switches gradients off.
        mock.patch.object(torch._C, "_InferenceMode", lambda is_on: torch.set_grad_enabled(not is_on)),
        simulation,
    ):
        _clear_caches()
        try:
            yield simulation.waits
        finally:
            _clear_caches()


def _clear_caches() -> None:
    """Empty the package's caches, some of which hold tensors of a device."""
    for each in gc.get_objects():
        if type(each) is functools._lru_cache_wrapper and str(each.__module__).startswith(_PACKAGE):
            each.cache_clear()
