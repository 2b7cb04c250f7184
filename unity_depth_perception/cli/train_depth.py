"""`unity-depth train-depth`: the embedded depth model, from virtual Unity rendered on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unity_depth_perception.cli.options import DeviceOption
from unity_depth_perception.cli.training_options import (
    VIRTUAL,
    Batch,
    Dataset,
    Images,
    LearningRate,
    Minutes,
    Output,
    Pool,
    Seed,
)
from unity_depth_perception.core.errors import ConfigurationError


def train_depth(
    dataset: Dataset,
    output: Output,
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights (.safetensors) to start from instead of random ones.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 8000,
    minutes: Minutes = None,
    batch: Batch = 16,
    learning_rate: LearningRate = 1.5e-3,
    seed: Seed = 0,
    pool: Pool = None,
    images: Images = 8192,
    device: DeviceOption = "auto",
) -> None:
    """Train the compact depth network; writes OUTPUT/compact_depth.safetensors."""
    import torch

    from unity_depth_perception.models.device import resolve_device
    from unity_depth_perception.models.weights import save_weights
    from unity_depth_perception.training import depth
    from unity_depth_perception.training.loop import TrainingConfig

    if dataset != VIRTUAL:
        raise ConfigurationError(f"expected the word {VIRTUAL} as the dataset, got {dataset!r}")
    config = TrainingConfig(
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
    path = output / "compact_depth.safetensors"
    training = {"images": images, "steps": steps, "batch": batch, "seed": seed}
    save_weights(path, depth.train_depth(config), {"kind": "compact-depth", "training": training})
    typer.echo(f"weights: {path}")
