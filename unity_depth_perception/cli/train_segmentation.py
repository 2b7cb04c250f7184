"""`unity-depth train-segmentation`: instance segmentation of your own objects, or of virtual Unity's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.options import DeviceOption
from unity_depth_perception.cli.progress import track
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
    open_dataset,
)

if TYPE_CHECKING:
    from unity_depth_perception.training.dataset_source import DatasetSource


def train_segmentation(
    dataset: Dataset,
    output: Output,
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights (.safetensors) to start from instead of random ones.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 20000,
    minutes: Minutes = None,
    batch: Batch = 4,
    learning_rate: LearningRate = 8e-4,
    seed: Seed = 0,
    pool: Pool = None,
    images: Images = 8192,
    device: DeviceOption = "auto",
) -> None:
    """Train the compact Mask R-CNN; writes OUTPUT/compact_segmentation.safetensors."""
    import torch

    from unity_depth_perception.models.device import resolve_device
    from unity_depth_perception.models.weights import save_weights
    from unity_depth_perception.training import segmentation
    from unity_depth_perception.training.loop import TrainingConfig

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
        source=None if dataset == VIRTUAL else _source(Path(dataset), output, seed),
    )
    path = output / "compact_segmentation.safetensors"
    description = {
        "kind": "compact-segmentation",
        "categories": list(config.categories),
        "training": {"images": images, "steps": steps, "batch": batch, "seed": seed},
    }
    save_weights(path, segmentation.train_segmentation(config), description)
    typer.echo(f"weights: {path}")


def _source(dataset: Path, output: Path, seed: int) -> DatasetSource:
    from unity_depth_perception.models.compact import SEGMENTATION_AREA_PX
    from unity_depth_perception.training.dataset_source import DatasetSource
    from unity_depth_perception.training.split import Split

    samples = open_dataset(dataset)
    split = Split.draw(samples.names, samples.categories, seed)
    split.keep(output / "split.json")
    indices = [index for index, name in enumerate(samples.names) if name in split.train]
    return DatasetSource(
        output / "data", samples, indices, SEGMENTATION_AREA_PX, lambda chosen: track(chosen, len(chosen), "reading")
    )
