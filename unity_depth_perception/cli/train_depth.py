"""`unity-depth train-depth`: fine-tune a metric depth model on true depth, or train the compact one from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from unity_depth_perception.cli.options import DepthWeightsOption, DeviceOption, require_datasets, require_files
from unity_depth_perception.cli.training_options import (
    Datasets,
    Images,
    Minutes,
    Output,
    Pool,
    Seed,
    dataset_paths,
    open_datasets,
    progress_bar,
    resumable_on_interrupt,
    training_folder,
    write_or_check_settings,
)

if TYPE_CHECKING:
    from unity_depth_perception.core.metrics import DepthMetrics
    from unity_depth_perception.training.data.dataset_shards import LabelledSamples
    from unity_depth_perception.training.data.shards import ShardSource
    from unity_depth_perception.training.engine.config import TrainingConfig
    from unity_depth_perception.training.fine_tuning.fine_tune import Baseline, ValidationImages

_COMPACT = "compact"
_WRITTEN = (
    *("split.json", "data", "pool", "fine_tuning.json", "checkpoint.pt", "log.jsonl", "tensorboard", "cube_scale"),
    *("dense", "open", "sky_gate", "depth.safetensors", "compact_depth.safetensors"),
)
_HELD_OUT = 32  # virtual scenes for validation


def train_depth(
    dataset: Datasets,
    output: Output,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="Model to start from: compact, da2-metric-..., da3metric-large or the path of weights of train-depth. "
            "Default: compact; with the dataset virtual, random weights.",
        ),
    ] = None,
    weights: DepthWeightsOption = None,
    weights_alias: Annotated[Path | None, typer.Option("--weights", hidden=True)] = None,
    backbone: Annotated[bool, typer.Option("--train-backbone", help="Train the backbone too.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps; default 1000, from random weights 8000.")
    ] = None,
    minutes: Minutes = None,
    batch: Annotated[
        int | None, typer.Option(min=2, help="Images per step; default 8, from random weights 16.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Peak learning rate; default: it depends on the model.")
    ] = None,
    seed: Seed = 0,
    pool: Pool = None,
    images: Images = 8192,
    device: DeviceOption = "auto",
) -> None:
    """Fine-tune a metric depth model on a dataset's true depth; writes OUTPUT/depth.safetensors.

    On virtual Unity, all networks of compact are trained, from random or given weights; writes
    OUTPUT/compact_depth.safetensors.
    """
    paths = dataset_paths(dataset)
    weights = weights or weights_alias
    require_datasets(paths)
    require_files(weights, start)

    import torch

    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.synthetic.variety import KINDS
    from unity_depth_perception.training.engine.config import TrainingConfig

    whole = not paths and _is_compact(start)
    config = TrainingConfig(
        output=output,
        pool=pool or output / "pool",
        images=images,
        kinds=KINDS,
        steps=steps or (8000 if whole else 1000),
        minutes=minutes,
        batch=batch or (16 if whole else 8),
        learning_rate=learning_rate or (1.5e-3 if whole else 0.0),
        seed=seed,
        device=resolve_device(device, torch.cuda.is_available()),
    )
    data = open_datasets(paths, needs_depth=True) if paths else None
    with resumable_on_interrupt(output), training_folder(output, _WRITTEN, paths):
        if whole:
            _train_whole(config, start)
        else:
            _fine_tune(config, data, start or _COMPACT, weights, backbone)


def _is_compact(start: str | None) -> bool:
    from unity_depth_perception.models.checkpoints.safetensors_file import load_description
    from unity_depth_perception.models.fine_tuned import COMPACT_KIND

    if start is None or start == _COMPACT:
        return True
    return start.endswith(".safetensors") and load_description(Path(start)).get("kind") == COMPACT_KIND


def _settings(config: TrainingConfig, start: str | None, backbone: bool) -> dict[str, str | int | float | None]:
    """Settings that a resumed training must not change."""
    return {
        "command": "train-depth",
        "--from": start and Path(start).name,
        "--train-backbone": backbone,
        "--batch": config.batch,
        "--learning-rate": config.learning_rate,
        "--seed": config.seed,
    }


def _train_whole(config: TrainingConfig, start: str | None) -> None:
    """Train all networks of compact, with the complete ground truth of virtual Unity."""
    from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
    from unity_depth_perception.models.compact.depth import DEPTH_WEIGHTS
    from unity_depth_perception.models.fine_tuned import COMPACT_KIND
    from unity_depth_perception.training.compact import depth_network as depth

    if start is not None:
        config = replace(config, start=DEPTH_WEIGHTS if start == _COMPACT else Path(start))
    write_or_check_settings(config.output, _settings(config, start, backbone=True))
    path = config.output / "compact_depth.safetensors"
    training = {"images": config.images, "steps": config.steps, "batch": config.batch, "seed": config.seed}
    save_weights(path, depth.train_depth(config), {"kind": COMPACT_KIND, "training": training})
    typer.echo(f"weights: {path}")


def _fine_tune(
    config: TrainingConfig, data: LabelledSamples | None, start: str, weights: Path | None, backbone: bool
) -> None:
    """Train any metric back end, on true depth alone."""
    from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
    from unity_depth_perception.models.registry import create_depth_estimator, require_known_depth_model
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.training.fine_tuning.fine_tune import align_scale, fine_tune, validate
    from unity_depth_perception.training.fine_tuning.trainable import trainable

    require_known_depth_model(start)
    source_of, validation_images = _virtual(config) if data is None else _dataset(data, config)
    exact = DepthOptions(precision="float32")
    estimator = create_depth_estimator(start, config.device, weights, exact)
    model = trainable(estimator)
    config = replace(config, learning_rate=config.learning_rate or model.learning_rate)
    write_or_check_settings(config.output, _settings(config, start, backbone))
    config = replace(config, source=source_of(model.area_px))
    baseline = align_scale(estimator, model, config, validation_images, start, backbone)
    fine_tune(model, config, backbone, lambda: validate(estimator, validation_images))
    state, description = model.weights()
    path = config.output / "depth.safetensors"
    training = {"start": Path(start).name, "steps": config.steps, "batch": config.batch, "seed": config.seed}
    save_weights(path, state, {**description, "training": {**training, "backbone": backbone}})
    after = validate(create_depth_estimator(str(path), config.device, None, exact), validation_images)
    baseline.write(config.output, after)
    _print(baseline, after)
    if after.abs_rel >= baseline.scaled.abs_rel:
        typer.echo("gradient steps did not lower AbsRel on the validation images: the weights are those before them")
    typer.echo(f"weights: {path}")


def _virtual(config: TrainingConfig) -> tuple[Callable[[int], ShardSource], ValidationImages]:
    """The pool of scenes, whatever the image size of the model, and held-out scenes for validation."""
    from unity_depth_perception.evaluation.heldout import HeldOutScenes
    from unity_depth_perception.training.data.scene_pool import ScenePool
    from unity_depth_perception.training.fine_tuning.fine_tune import ValidationImages

    held_out = HeldOutScenes(_HELD_OUT, config.seed)
    return (
        lambda area_px: ScenePool(config.pool, config.images, config.device, config.kinds),
        ValidationImages(held_out, range(_HELD_OUT), progress_bar("validating")),
    )


def _dataset(samples: LabelledSamples, config: TrainingConfig) -> tuple[Callable[[int], ShardSource], ValidationImages]:
    """Training and validation images of a dataset folder."""
    from unity_depth_perception.training.data.dataset_shards import DatasetSource
    from unity_depth_perception.training.data.split import Split
    from unity_depth_perception.training.fine_tuning.fine_tune import ValidationImages

    split = Split.draw(samples.names, samples.categories, config.seed)
    split.write_or_check(config.output / "split.json")
    train = [index for index, name in enumerate(samples.names) if name in split.train]
    validation = [index for index, name in enumerate(samples.names) if name in split.validation]
    return (
        lambda area_px: DatasetSource(config.output / "data", samples, train, area_px, progress_bar("reading")),
        ValidationImages(samples, validation, progress_bar("validating")),
    )


def _print(baseline: Baseline, after: DepthMetrics) -> None:
    table = Table("", "AbsRel", "RMSE, m", "delta1", box=None, title="on the validation images", title_justify="left")
    scaled = f"scaled by {baseline.factor:.4g}" if baseline.factor != 1 else "not scaled"
    rows = {"before": baseline.before, scaled: baseline.scaled, "after": after}
    for name, metrics in rows.items():
        table.add_row(name, *(f"{value:.4f}" for value in (metrics.abs_rel, metrics.rmse, metrics.delta1)))
    Console().print(table)
