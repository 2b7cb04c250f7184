"""Cost of one frame of a depth back end: time beside a reference, memory, and a lower bound from its arithmetic."""

from __future__ import annotations

import contextlib
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.sample import Progress
from unity_depth_perception.models.protocols import DepthEstimator

_WARM_UP_CALLS = 2
_MATMUL_SIDES = {"cuda": (4096, 8192), "cpu": (512, 1024)}
_MATMUL_RUNS, _MATMUL_TOTAL_S = 10, 0.3  # whichever is reached first: some CPUs take seconds in 16 bits
Call = Callable[[], object]


@dataclass
class CallTimes:
    """Seconds of each call: wall-clock time, and CPU time of this process over all cores."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def measure(self, call: Call) -> None:
        """Time one call, which must return its result in host memory, so that no GPU work is pending."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        call()
        self.wall_s.append(time.perf_counter() - wall_s)
        self.cpu_s.append(time.process_time() - cpu_s)

    def wall_ms(self, percent: float) -> float:
        """A percentile of the wall-clock time [ms]."""
        return float(np.percentile(self.wall_s, percent)) * 1e3

    def cpu_ms(self, percent: float) -> float:
        """A percentile of the CPU time [ms]; steadier than wall-clock time on a busy machine."""
        return float(np.percentile(self.cpu_s, percent)) * 1e3


def whole_call(estimator: DepthEstimator, image: NDArray[np.uint8], camera: Camera) -> Call:
    """A call that takes a decoded image in host memory to depth of its size in host memory."""

    @torch.inference_mode()
    def call() -> Tensor:
        uploaded = torch.from_numpy(image).to(estimator.device)
        return estimator.infer(uploaded, camera).depth_m.cpu()

    return call


def time_calls(calls: Mapping[str, Call], count: int, progress: Progress = iter) -> dict[str, CallTimes]:
    """Time calls in alternation, so that other load on the machine affects all alike, after warm-up calls.

    `count` calls of each are measured; `progress` wraps the iteration over the rounds.
    """
    times = {name: CallTimes() for name in calls}
    for turn in progress(range(_WARM_UP_CALLS + count)):
        for name, call in calls.items():
            if turn < _WARM_UP_CALLS:
                call()
            else:
                times[name].measure(call)
    return times


def peak_memory(call: Call, device: torch.device) -> int:
    """Peak memory of a call in bytes: allocated by torch on a GPU, else resident memory of this process."""
    gc.collect()
    call()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):  # where it is not allowed, the peak is that since the program's start
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    call()
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations of matrix products, convolutions and attention by the type they run in.

    The formulas are those of torch.utils.flop_counter, whose own counter adds up all types.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops: dict[torch.dtype, int] = defaultdict(int)
        attention = flop_registry[torch.ops.aten._scaled_dot_product_flash_attention]
        self._formulas = flop_registry | {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = self._formulas.get(func.overloadpacket)
        if formula is not None:
            self.flops[args[0].dtype] += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def count_flops(estimator: DepthEstimator, image: NDArray[np.uint8], camera: Camera) -> dict[torch.dtype, int]:
    """Floating-point operations of one frame by type."""
    uploaded = torch.from_numpy(image).to(estimator.device)
    with torch.no_grad(), FlopCounter() as counter:  # inference_mode would hide linear layers from the counter
        estimator.infer(uploaded, camera)
    return dict(counter.flops)


def matmul_flops_per_s(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second that this device reaches in a square matrix product; float32 on a GPU as TF32."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as the convolutions of the networks
    try:
        sides = _MATMUL_SIDES["cuda" if device.type == "cuda" else "cpu"]
        return max(2 * side**3 / _matmul_s(torch.rand(side, side, dtype=dtype, device=device)) for side in sides)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def _matmul_s(a: Tensor) -> float:
    """Seconds of the fastest of several products; of short ones, one is likely not interrupted."""
    times_s: list[float] = []
    while len(times_s) < _MATMUL_RUNS and sum(times_s) < _MATMUL_TOTAL_S:
        start_s = time.perf_counter()
        torch.mm(a, a)
        if a.device.type == "cuda":
            torch.cuda.synchronize(a.device)
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
