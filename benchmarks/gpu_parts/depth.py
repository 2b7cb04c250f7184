"""Part of benchmarks/gpu.py: one depth model, from uint8 on the host to full-size depth, beside its reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from part import Part, collected_warnings, read_options
from random_models import (
    estimator_with,
    provide_unused_libraries,
    random_network,
    reduce_architectures,
    reference_with,
    set_head_precision,
)
from torch import Tensor, nn

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.speed.depth_models import (
    CallTimes,
    count_flops,
    matmul_flops_per_s,
    peak_memory,
    time_calls,
    whole_call,
)
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.runtime.head_precision import relative_change_p99
from unity_depth_perception.models.runtime.options import DepthOptions

_QUICK_PX = 28  # of the network's input in the rehearsal
_DATASHEET_TFLOP_S = {torch.bfloat16: 989.0, torch.float16: 989.0, torch.float32: 494.5}
"""Dense rates of an H100 SXM or H200; float32 as TF32, in which torch runs convolutions (plain float32: 67)."""
_HEADS = {"float16": torch.float16, "float32": torch.float32}


class Variant(NamedTuple):
    """A way to run the network."""

    acceleration: str
    head: str

    def __str__(self) -> str:
        return f"{self.acceleration}, head {self.head}"


def main() -> None:
    """Measure the model named by --model; `NAME+compile` measures it compiled."""
    part = read_options()
    model, _, compiled = part.model.partition("+")
    provide_unused_libraries()
    if part.quick:
        reduce_architectures()
    network, sample = random_network(model, part.device), part.scene()
    if compiled:
        variants = [Variant("compile", "float16")]
    else:
        graphs = [Variant("cuda_graph", "float16"), Variant("cuda_graph", "float32")] if part.is_gpu else []
        variants = [Variant("none", "float16"), Variant("none", "float32"), *graphs]
    floors_ms = _measure_floors(part, network, model, sample)
    _measure_times(part, network, model, sample, variants, floors_ms)
    if not compiled:
        _measure_errors(part, network, model, sample)


def _options(part: Part, precision: str, acceleration: str = "none") -> DepthOptions:
    """Options of the model; in the rehearsal with a small input."""
    return DepthOptions(_QUICK_PX if part.quick else 0, precision, acceleration)


def _precision(part: Part) -> str:
    """Precision of the timed backbones; float32 on a CPU, where 16 bits may take a hundred times as long."""
    return "auto" if part.is_gpu else "float32"


def _measure_floors(part: Part, network: nn.Module, model: str, sample: Sample) -> dict[str, float]:
    """Count the arithmetic with each precision of the head; shortest time [ms] at the speed of matrix products."""
    floors_ms = {}
    estimator = estimator_with(network, model, part.device, _options(part, _precision(part)))
    for head, dtype in _HEADS.items():
        chosen = set_head_precision(estimator, dtype)
        flops = count_flops(estimator, sample.image, sample.camera)
        speeds = {each: matmul_flops_per_s(each, part.device) for each in flops}
        floors_ms[head] = sum(count / speeds[each] for each, count in flops.items()) * 1e3
        counted = {f"{str(each).removeprefix('torch.')}_gflop": count / 1e9 for each, count in flops.items()}
        reached = {f"{str(each).removeprefix('torch.')}_tflop_s": speed / 1e12 for each, speed in speeds.items()}
        stated = {}
        if part.is_gpu and any(card in torch.cuda.get_device_name() for card in ("H100", "H200")):
            stated["datasheet_floor_ms"] = sum(n / _DATASHEET_TFLOP_S[each] for each, n in flops.items()) / 1e9
        part.add(f"arithmetic, head {head}", **counted, **reached, floor_ms=floors_ms[head], **stated)
        if head == "float16":
            part.add("head chosen by itself", head=str(chosen).removeprefix("torch."))
    return floors_ms


def _measure_times(
    part: Part, network: nn.Module, model: str, sample: Sample, variants: list[Variant], floors_ms: dict[str, float]
) -> None:
    """Time each variant and the reference in turns; memory of each variant."""
    calls: dict[str, Callable[[], object]] = {}
    notes, memory_mib = {}, {}
    for variant in variants:
        before = torch.cuda.memory_allocated(part.device) if part.is_gpu else 0
        with collected_warnings() as messages:
            estimator = estimator_with(
                network, model, part.device, _options(part, _precision(part), variant.acceleration)
            )
            set_head_precision(estimator, _HEADS[variant.head])
            messages.clear()  # of the choice of the head's precision
            calls[str(variant)] = whole_call(estimator, sample.image, sample.camera)
            calls[f"{variant}, on the device"] = _device_call(part, estimator, sample)
            memory_mib[str(variant)] = (peak_memory(calls[str(variant)], part.device) - before) / 2**20
        notes[str(variant)] = "; ".join(messages)
    reference = reference_with(network, model, part.device, _QUICK_PX if part.quick else 0)
    calls[reference.name] = lambda: reference.infer(sample.image)
    with collected_warnings():
        times = time_calls(calls, 1 if part.quick else 60)
    reference_ms = times[reference.name].wall_ms(50)
    for variant in variants:
        _add_times(part, variant, times, memory_mib[str(variant)], reference_ms, floors_ms, notes[str(variant)])
    part.add(reference.name, p50_ms=reference_ms, p99_ms=times[reference.name].wall_ms(99))


def _add_times(
    part: Part,
    variant: Variant,
    times: dict[str, CallTimes],
    memory_mib: float,
    reference_ms: float,
    floors_ms: dict[str, float],
    note: str,
) -> None:
    host, device = times[str(variant)], times[f"{variant}, on the device"]
    part.add(
        str(variant),
        p50_ms=host.wall_ms(50),
        p99_ms=host.wall_ms(99),
        device_p50_ms=device.wall_ms(50),
        device_p99_ms=device.wall_ms(99),
        times_as_fast=reference_ms / host.wall_ms(50),
        share_of_floor=floors_ms[variant.head] / device.wall_ms(50),
        memory_mib=memory_mib,
        note=note,
    )


def _device_call(part: Part, estimator: DepthEstimator, sample: Sample) -> Callable[[], object]:
    """A call that takes the image in host memory to depth of its size on the device."""

    @torch.inference_mode()
    def call() -> Tensor:
        depth_m = estimator.infer(torch.from_numpy(sample.image).to(part.device), sample.camera).depth_m
        part.synchronize()
        return depth_m

    return call


def _measure_errors(part: Part, network: nn.Module, model: str, sample: Sample) -> None:
    """Relative change of depth against float32 on the CPU, 99th percentile over the pixels with depth in both."""
    cpu = torch.device("cpu")
    exact = _depth(estimator_with(network, model, cpu, _options(part, "float32")), sample)
    for precision in ("float32", "auto" if part.is_gpu else "bfloat16"):
        found = _depth(estimator_with(network, model, part.device, _options(part, precision)), sample)
        both = found.isfinite() & exact.isfinite()
        part.add(
            f"against the CPU in float32: {precision}",
            depth_change_p99=relative_change_p99(found[both][::16], exact[both][::16]),
            same_sky=float((found.isinf() == exact.isinf()).float().mean()),
        )


@torch.inference_mode()
def _depth(estimator: DepthEstimator, sample: Sample) -> Tensor:
    image = torch.from_numpy(sample.image).to(estimator.device)
    return estimator.infer(image, sample.camera).depth_m.cpu()


if __name__ == "__main__":
    main()
