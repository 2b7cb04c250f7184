"""Part of benchmarks/gpu.py: steps a second of the trainings on virtual scenes, in bfloat16 on a GPU.

The trainings are those of `train-segmentation` and `train-depth`, in this process and from a pool of scenes that is
rendered first; the time to render it is not counted.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from part import Part, read_options

from unity_depth_perception.training.compact.cube_scale import train_cube_scale
from unity_depth_perception.training.compact.depth_network import train_dense
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES, fill
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.segmentation.mask_rcnn import Task, train_detector


def main() -> None:
    """Render a pool, then train each network for some steps."""
    part = read_options()
    shards = 1 if part.quick else 2
    detectors = ("compact",) if part.quick else ("compact", "resnet50_fpn_v2")
    with tempfile.TemporaryDirectory() as folder:
        pool = Path(folder) / "pool"
        pool.mkdir()
        fill(pool, shards, part.device)
        torch.set_num_threads(torch.get_num_threads() if part.quick else 8)  # `fill` leaves one
        for network in detectors:
            task = Task(network, 128 if part.quick else 640)
            config = _config(part, Path(folder) / network, pool, shards, batch=2 if part.quick else 16)
            _measure(part, f"train-segmentation {network}", config, partial(train_detector, task=task))
        trainings: dict[str, Callable[[TrainingConfig], object]] = {
            "dense network": partial(train_dense, part="dense"),
            "cube scale": train_cube_scale,
        }
        for name, train in trainings.items():
            config = _config(part, Path(folder) / name, pool, shards, batch=2 if part.quick else 32)
            _measure(part, f"train-depth compact, {name}", config, train)


def _config(part: Part, output: Path, pool: Path, shards: int, batch: int) -> TrainingConfig:
    return TrainingConfig(
        output=output,
        pool=pool,
        images=shards * SHARD_IMAGES,
        steps=4 if part.quick else 300,
        minutes=None if part.quick else 0.2,
        batch=batch,
        device=part.device,
    )


def _measure(part: Part, name: str, config: TrainingConfig, train: Callable[[TrainingConfig], object]) -> None:
    """Train, and read the rate from the training's own log: between its first line and its last one."""
    if part.is_gpu:
        torch.cuda.reset_peak_memory_stats(part.device)
    train(config)
    lines = (config.output / "log.jsonl").read_text(encoding="utf-8").splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    if last["step"] == first["step"]:
        raise SystemExit(f"{name}: expected several lines in {config.output / 'log.jsonl'}, got {len(lines)}: no rate")
    steps_per_s = (last["step"] - first["step"]) / max(last["seconds"] - first["seconds"], 1e-3)
    memory = {"memory_mib": torch.cuda.max_memory_allocated(part.device) / 2**20} if part.is_gpu else {}
    images_per_s = steps_per_s * config.batch
    part.add(name, steps_per_s=steps_per_s, images_per_s=images_per_s, batch=config.batch, steps=last["step"], **memory)


if __name__ == "__main__":
    main()
