"""Time of each pipeline stage, and of a plain NumPy version of the same work."""

from __future__ import annotations

import array
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.ops.statistics import object_statistics
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

NETWORKS = ("proposals", "segmentation", "depth")
OUTSIDE = ("upload", "objects", "support", "cloud", "conversion")
STATISTICS = "statistics"  # the part of "objects" that has a plain version; measured once more, alone
_WARM_UP_FRAMES = 2


@dataclass
class Timings:
    """Seconds per stage, one value per frame; `references` holds the plain versions of some of them."""

    stages: dict[str, list[float]] = field(default_factory=dict)
    references: dict[str, list[float]] = field(default_factory=dict)

    def percentile_ms(self, stage: str, percent: float) -> float:
        """A percentile of one stage [ms]."""
        return float(np.percentile(self.stages[stage], percent)) * 1e3

    def total_ms(self, stages: Sequence[str], percent: float) -> float:
        """A percentile [ms] of the frames' sums over some stages."""
        return float(np.percentile(np.sum([self.stages[stage] for stage in stages], axis=0), percent)) * 1e3

    def reference_ms(self, stage: str) -> float | None:
        """Median [ms] of the plain version, if there is one."""
        return float(np.median(self.references[stage])) * 1e3 if stage in self.references else None

    def ratio(self, stage: str) -> float | None:
        """How many times longer the plain version takes (medians), if there is one."""
        plain_ms = self.reference_ms(stage)
        return None if plain_ms is None else plain_ms / self.percentile_ms(stage, 50)

    @contextmanager
    def measure(self, stage: str, device: torch.device, into: dict[str, list[float]] | None = None) -> Iterator[None]:
        """Add the wall-clock time of a block, until the device has finished its work."""
        start = time.perf_counter()
        yield
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        (self.stages if into is None else into).setdefault(stage, []).append(time.perf_counter() - start)


def time_pipeline(
    pipeline: PerceptionPipeline,
    frames: Sequence[Frame],
    count: int,
    progress: Callable[[Sequence[Frame]], Iterator[Frame]] = iter,
) -> Timings:
    """Time `count` frames, cycling through `frames`, from the image to the bytes of depth image and cloud.

    Args:
        progress: wraps the iteration over frames, for a progress bar.
    """
    for index in range(_WARM_UP_FRAMES):
        _time_frame(pipeline, frames[index % len(frames)], Timings())
    timings = Timings()
    for frame in progress([frames[index % len(frames)] for index in range(count)]):
        _time_frame(pipeline, frame, timings)
    return timings


def _time_frame(pipeline: PerceptionPipeline, frame: Frame, timings: Timings) -> None:
    result = pipeline.process(frame)
    device = result.rgb.device
    for stage, seconds in result.stage_s.items():
        timings.stages.setdefault(stage, []).append(seconds)
    depth_m = result.depth.depth_m
    with timings.measure("cloud", device):
        cloud = pack_cloud(depth_m, result.rgb, frame.camera)
    with timings.measure("conversion", device):
        message_bytes(depth_m)
        message_bytes(cloud)
    instances, categories = result.segmentation.instances, result.segmentation.categories
    with timings.measure(STATISTICS, device):
        object_statistics(depth_m, instances, len(categories), frame.camera)
    host_depth, host_instances = depth_m.cpu().numpy(), instances.cpu().numpy()
    with timings.measure(STATISTICS, device, timings.references):
        plain_statistics(host_depth, host_instances, categories, frame.camera)
    with timings.measure("cloud", device, timings.references):
        plain_cloud(host_depth, frame.rgb, frame.camera)


def message_bytes(values: Tensor) -> array.array[int]:
    """Bytes of a tensor as an array.array, which rosidl accepts as Image.data without checking each element."""
    data = array.array("B")
    data.frombytes(values.cpu().numpy().data.cast("B"))
    return data


def plain_statistics(
    depth_m: NDArray[np.float32], instances: NDArray[np.integer[Any]], categories: Sequence[str], camera: Camera
) -> list[ObjectDistance]:
    """Distance, box and position by one boolean mask per object over the whole image: the straightforward version.

    `center` and the points for support inference are left out, and so are objects without a valid pixel. Nearest and
    farthest are those of all valid pixels, flying ones too.
    """
    objects = []
    for index, category in enumerate(categories):
        mask = instances == index + 1
        rows, columns = np.nonzero(mask)
        depths = depth_m[mask]
        valid = np.isfinite(depths) & (depths > 0)
        if not valid.any():
            continue
        median = float(np.median(depths[valid]))
        objects.append(
            ObjectDistance(
                id=index,
                category=category,
                bbox=(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1),
                distance=DistanceStatistics(
                    mean=float(depths[valid].mean()),
                    median=median,
                    min=float(depths[valid].min()),
                    max=float(depths[valid].max()),
                ),
                position_m=tuple(camera.unproject((np.median(columns), np.median(rows)), median).tolist()),
                valid_ratio=float(valid.mean()),
                pixel_count=int(mask.sum()),
            )
        )
    return objects


def plain_cloud(depth_m: NDArray[np.float32], image: NDArray[np.uint8], camera: Camera) -> bytes:
    """Bytes of the organised cloud of `pack_cloud`, by a structured NumPy array."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    points = camera.unproject(np.stack([columns, rows], axis=-1), np.where(depth_m > 0, depth_m, np.nan))
    points[~np.isfinite(depth_m)] = np.nan
    cloud = np.zeros(depth_m.shape, dtype=[("x", "f4"), ("y", "f4"), ("z", "f4"), ("rgb", "u4")])
    cloud["x"], cloud["y"], cloud["z"] = points[..., 0], points[..., 1], points[..., 2]
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    cloud["rgb"] = (red << 16) | (green << 8) | blue
    return cloud.tobytes()
