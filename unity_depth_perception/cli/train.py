"""`unity-depth train-depth` and `train-segmentation`: the embedded models, from virtual Unity rendered on the fly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unity_depth_perception.cli.options import DeviceOption

if TYPE_CHECKING:
    from torch import Tensor

    from unity_depth_perception.training.loop import TrainingConfig

_Output = Annotated[
    Path, typer.Argument(help="Folder of weights, log and checkpoint; a started training goes on there.")
]
_Pool = Annotated[Path | None, typer.Option(help="Folder of rendered scenes, to share between trainings.")]
_Images = Annotated[int, typer.Option(min=32, help="Scenes in the pool.")]
_Steps = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]
_Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="End earlier, the schedule compressed, after this time.")
]
_Batch = Annotated[int, typer.Option(min=2, help="Images a step.")]
_Start = Annotated[
    Path | None, typer.Option("--from", help="Weights (.safetensors) to start from instead of random ones.")
]
_Seed = Annotated[int, typer.Option(min=0, help="Of the initial weights and of the draws.")]


def train_depth(
    output: _Output,
    pool: _Pool = None,
    images: _Images = 8192,
    steps: _Steps = 8000,
    minutes: _Minutes = None,
    batch: _Batch = 16,
    learning_rate: Annotated[float, typer.Option(min=0, help="Its peak.")] = 1.5e-3,
    seed: _Seed = 0,
    start: _Start = None,
    device: DeviceOption = "auto",
) -> None:
    """Train the compact depth network; writes OUTPUT/compact_depth.safetensors."""
    from unity_depth_perception.training import depth

    config = _config(output, pool, images, steps, minutes, batch, learning_rate, seed, start, device)
    _save(output / "compact_depth.safetensors", depth.train_depth(config), {"kind": "compact-depth"}, config)


def train_segmentation(
    output: _Output,
    pool: _Pool = None,
    images: _Images = 8192,
    steps: _Steps = 20000,
    minutes: _Minutes = None,
    batch: _Batch = 4,
    learning_rate: Annotated[float, typer.Option(min=0, help="Its peak.")] = 8e-4,
    seed: _Seed = 0,
    start: _Start = None,
    device: DeviceOption = "auto",
) -> None:
    """Train the compact Mask R-CNN; writes OUTPUT/compact_segmentation.safetensors."""
    from unity_depth_perception.synthetic.scene import CATEGORIES
    from unity_depth_perception.training import segmentation

    config = _config(output, pool, images, steps, minutes, batch, learning_rate, seed, start, device)
    description = {"kind": "compact-segmentation", "categories": list(CATEGORIES)}
    _save(output / "compact_segmentation.safetensors", segmentation.train_segmentation(config), description, config)


def _config(
    output: Path,
    pool: Path | None,
    images: int,
    steps: int,
    minutes: float | None,
    batch: int,
    learning_rate: float,
    seed: int,
    start: Path | None,
    device: str,
) -> TrainingConfig:
    import torch

    from unity_depth_perception.models.device import resolve_device
    from unity_depth_perception.training.loop import TrainingConfig

    return TrainingConfig(
        output=output,
        pool=pool or output / "pool",
        images=images,
        steps=steps,
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        start=start,
        device=resolve_device(device, torch.cuda.is_available()),
    )


def _save(path: Path, state: Mapping[str, Tensor], description: dict[str, Any], config: TrainingConfig) -> None:
    from unity_depth_perception.models.weights import save_weights

    training = {"images": config.images, "steps": config.steps, "batch": config.batch, "seed": config.seed}
    save_weights(path, state, {**description, "training": training})
    typer.echo(f"weights: {path}")
