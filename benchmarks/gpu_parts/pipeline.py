"""Part of benchmarks/gpu.py: the whole pipeline with its cloud: stage times, host synchronisations, memory, equality.

The networks of Depth Anything and of torchvision have random weights here, so that what they find is meaningless. They
run, and the scene's true depth and instances take the place of what they return: objects and support then have real
work. The compact models have their own weights, and their results are used.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from host_syncs import count_host_syncs
from part import Part, percentiles_ms, read_options
from random_models import estimator_with, provide_unused_libraries, random_network, reduce_architectures
from simulated_gpu import GPU, simulated_gpu
from torch import Tensor

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.ground_truth import true_objects
from unity_depth_perception.models.mask_rcnn.segmenter import INPUT_PX, MaskRcnnSegmenter, torchvision_mask_rcnn
from unity_depth_perception.models.protocols import DepthEstimator, DepthPrediction, Segmentation, Segmenter
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.pipeline import Frame, PerceptionPipeline, PerceptionResult
from unity_depth_perception.synthetic.scene import CATEGORIES

_DEPTH = "da3metric-large"


class TrueDepth:
    """A depth estimator that runs another one and returns the true depth of the scene."""

    proposer = None

    def __init__(self, estimator: DepthEstimator, sample: Sample) -> None:
        self.name, self.device = estimator.name, estimator.device
        self._estimator = estimator
        self._depth_m = torch.from_numpy(np.asarray(sample.depth_m)).to(estimator.device)

    def infer(self, *inputs: Any) -> DepthPrediction:
        """As `DepthEstimator.infer`."""
        return replace(self._estimator.infer(*inputs), depth_m=self._depth_m)


class TrueInstances:
    """A segmenter that runs another one and returns the true instances of the scene."""

    proposer = None

    def __init__(self, segmenter: Segmenter, sample: Sample) -> None:
        self.name, self.device, self.categories = segmenter.name, segmenter.device, segmenter.categories
        self._segmenter = segmenter
        self._true: Segmentation = true_objects(sample, segmenter.device).segmentation

    def infer(self, *inputs: Any) -> Segmentation:
        """As `Segmenter.infer`."""
        self._segmenter.infer(*inputs)
        return self._true


def main() -> None:
    """Measure the pipelines, the one of the goal first."""
    part = read_options()
    provide_unused_libraries()
    if part.quick:
        reduce_architectures()
    sample = part.scene()
    frame = Frame(sample.image, sample.camera)
    network = random_network(_DEPTH, part.device)
    accelerations = ("cuda_graph", "none") if part.is_gpu else ("none",)
    for acceleration in accelerations:
        options = DepthOptions(28 if part.quick else 0, "auto" if part.is_gpu else "float32", acceleration)
        depth = TrueDepth(estimator_with(network, _DEPTH, part.device, options), sample)
        for segmenter in _segmenters(part, sample):
            pipeline, name = PerceptionPipeline(depth, segmenter), f"{_DEPTH} ({acceleration}) + {segmenter.name}"
            _measure(part, name, pipeline, frame)
            if acceleration == accelerations[0]:  # a thousand frames take long
                _measure_growth(part, name, pipeline, frame)
    compact = _compact(part.device)
    _measure(part, "compact + compact", compact, frame)
    _measure_equality(part, compact, frame)
    _measure_growth(part, "compact + compact", compact, frame)


def _segmenters(part: Part, sample: Sample) -> list[Segmenter]:
    torch.manual_seed(0)
    kind = "mobilenet_v3_large" if part.quick else "resnet50_fpn_v2"
    network = torchvision_mask_rcnn(kind, len(CATEGORIES)).to(part.device, memory_format=torch.channels_last)
    if part.quick:  # random weights detect a hundred objects
        network.rpn._post_nms_top_n["testing"] = network.roi_heads.detections_per_img = 8
    area_px = (96 if part.quick else INPUT_PX) ** 2
    large = TrueInstances(MaskRcnnSegmenter(kind, network, CATEGORIES, area_px), sample)
    return [large, create_segmenter("compact", part.device)]


def _compact(device: torch.device) -> PerceptionPipeline:
    return PerceptionPipeline(create_depth_estimator("compact", device), create_segmenter("compact", device))


def _measure(part: Part, name: str, pipeline: PerceptionPipeline, frame: Frame) -> None:
    """Time of a frame and of its stages, frames a second, host synchronisations."""
    results: list[PerceptionResult] = []

    def perceive() -> Tensor:
        results.append(pipeline.process(frame))
        return pack_cloud(results[-1].depth.depth_m, results[-1].rgb, frame.camera).cpu()

    count = 3 if part.quick else 100
    whole = percentiles_ms(perceive, part, count)
    stages = {stage: np.median([each.stage_s[stage] for each in results[2:]]) * 1e3 for stage in results[-1].stage_s}
    found = len(results[-1].objects)
    cloud = percentiles_ms(lambda: _cloud(results[-1], frame), part, count)
    part.add(
        name,
        **whole,
        frames_per_s=1e3 / whole["p50_ms"],
        objects=found,
        **{f"{stage}_ms": float(value) for stage, value in stages.items()},
        cloud_ms=cloud["p50_ms"],
    )
    del results[:-1]
    counts: Counter[str] = Counter()
    if part.is_gpu:
        counts = count_host_syncs(perceive)
    elif pipeline.depth_estimator is not None and pipeline.depth_estimator.name == "compact":
        with simulated_gpu() as counts:
            on_gpu = _compact(GPU)
            on_gpu.process(frame)  # fills caches
            counts.clear()
            simulated = on_gpu.process(frame)
            _cloud(simulated, frame).cpu()
    if part.is_gpu or counts:
        part.add(f"{name}: host synchronisations of a frame", count=sum(counts.values()), lines=dict(counts))


@torch.inference_mode()
def _cloud(result: PerceptionResult, frame: Frame) -> Tensor:
    return pack_cloud(result.depth.depth_m, result.rgb, frame.camera)


def _measure_growth(part: Part, name: str, pipeline: PerceptionPipeline, frame: Frame) -> None:
    """Growth of the memory that is in use from one frame to the next: of torch on a GPU, else of the process."""
    count, warm_up = (4, 1) if part.quick else (1000, 20)
    for _ in range(warm_up):
        pipeline.process(frame)
    before, start_s = _memory_in_use(part), time.perf_counter()
    for _ in range(count):
        pipeline.process(frame)
    seconds = time.perf_counter() - start_s
    growth = _memory_in_use(part) - before
    part.add(f"{name}: memory after {count} frames", growth_bytes=growth, frames_per_s_without_cloud=count / seconds)


def _memory_in_use(part: Part) -> int:
    if part.is_gpu:
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated(part.device)
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def _measure_equality(part: Part, pipeline: PerceptionPipeline, frame: Frame) -> None:
    """Results of the compact models on the device and on the CPU in float32."""
    found, exact = pipeline.process(frame), _compact(torch.device("cpu")).process(frame)
    depth_m, true_m = (each.depth.depth_m.cpu() for each in (found, exact))
    both = depth_m.isfinite() & true_m.isfinite()
    change = (depth_m[both] / true_m[both] - 1).abs()
    same = found.segmentation.instances.cpu().int() == exact.segmentation.instances.int()
    pairs = list(zip(found.objects, exact.objects, strict=False))
    medians = [abs(a.distance.median / b.distance.median - 1) for a, b in pairs if a.category == b.category]
    part.add(
        "compact + compact against the CPU in float32",
        depth_change_p99=float(np.quantile(change.numpy(), 0.99)),
        same_instance_pixels=float(same.float().mean()),
        objects=len(found.objects),
        objects_on_cpu=len(exact.objects),
        median_distance_change_max=max(medians, default=float("nan")),
        same_parents=sum(a.parent_id == b.parent_id for a, b in pairs) / max(1, len(exact.objects)),
    )


if __name__ == "__main__":
    main()
