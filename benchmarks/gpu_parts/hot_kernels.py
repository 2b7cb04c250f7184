"""Part of benchmarks/gpu.py: the operations on which a frame of the whole pipeline spends most time on the device."""

from __future__ import annotations

from part import read_options
from pipeline import _DEPTH, TrueDepth
from random_models import estimator_with, provide_unused_libraries, random_network, reduce_architectures
from torch.profiler import ProfilerActivity, profile

from unity_depth_perception.models.registry import create_segmenter
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

_TOP = 10


def main() -> None:
    """Profile some frames; one row for each of the ten most expensive operations."""
    part = read_options()
    provide_unused_libraries()
    if part.quick:
        reduce_architectures()
    sample, frames = part.scene(), 1 if part.quick else 10
    options = DepthOptions(28 if part.quick else 0, "auto" if part.is_gpu else "float32")
    estimator = estimator_with(random_network(_DEPTH, part.device), _DEPTH, part.device, options)
    pipeline = PerceptionPipeline(TrueDepth(estimator, sample), create_segmenter("compact", part.device))
    frame = Frame(sample.image, sample.camera)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if part.is_gpu else [])]
    for turn in range(2):  # the first warms up
        with profile(activities=activities if turn else [ProfilerActivity.CPU]) as profiler:
            for _ in range(frames):
                result = pipeline.process(frame)
                pack_cloud(result.depth.depth_m, result.rgb, frame.camera).cpu()
    own_us = "self_device_time_total" if part.is_gpu else "self_cpu_time_total"
    for event in sorted(profiler.key_averages(), key=lambda each: -getattr(each, own_us))[:_TOP]:
        part.add(
            event.key[:70], ms_per_frame=getattr(event, own_us) / 1e3 / frames, calls_per_frame=event.count / frames
        )


if __name__ == "__main__":
    main()
