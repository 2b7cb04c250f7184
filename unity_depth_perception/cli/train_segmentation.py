"""`unity-depth train-segmentation`: instance segmentation of your own objects, or of virtual Unity's."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from unity_depth_perception.cli.options import DeviceOption, require_datasets, require_files
from unity_depth_perception.cli.training_options import (
    Batch,
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
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.atomic_file import write_json

if TYPE_CHECKING:
    from torch import Tensor

    from unity_depth_perception.dataset.sample import SampleSource
    from unity_depth_perception.training.data.dataset_shards import DatasetSource, LabelledSamples
    from unity_depth_perception.training.engine.config import TrainingConfig
    from unity_depth_perception.training.segmentation.mask_rcnn import Task

_PRETRAINED = "pretrained"
_INPUT_PX = {"compact": 640}  # of the other networks 800
_WRITTEN = ("split.json", "data", "pool", "detector", "crop_classifier", "metrics.json", "worst.png", "random.png")
_VIRTUAL_STEPS, _STEPS = 20000, 4000
_VIRTUAL_SCENES, _VIRTUAL_SEED = 50, 1  # of the validation on virtual Unity; never trained on


class Network(StrEnum):
    """Network to train."""

    COMPACT = "compact"
    MOBILENET = "mobilenet_v3_large"
    RESNET = "resnet50_fpn_v2"


class _Data(NamedTuple):
    """Training data (None: virtual Unity) and validation images."""

    source: DatasetSource | None
    samples: SampleSource
    validation: Sequence[int]


def train_segmentation(
    dataset: Annotated[
        list[str],
        typer.Argument(
            metavar="DATASET...",
            help="Dataset folders (also SOLO ones), COCO instances .json, or the word virtual: scenes rendered on the "
            "fly.",
        ),
    ],
    output: Output,
    network: Annotated[
        Network, typer.Option(help="Network to train; larger ones are better and slower.")
    ] = Network.COMPACT,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Weights to start from instead of random ones: pretrained (the embedded ones for compact, "
            "torchvision's of ImageNet or COCO for the others), or a file (.safetensors of this command, .pth of "
            "torchvision).",
        ),
    ] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Passes over the dataset, instead of --steps.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help=f"Optimiser steps; default {_STEPS}, on virtual Unity {_VIRTUAL_STEPS}."),
    ] = None,
    minutes: Minutes = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Early stopping after this many of 20 validations without improvement; 0: never.")
    ] = 6,
    batch: Batch = 4,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Peak learning rate; default 8e-4 for compact, else 1e-4.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=64,
            max=2048,
            help="Side of a square with the area of the input images; default 640 for compact, else 800.",
        ),
    ] = None,
    seed: Seed = 0,
    images_dir: Annotated[
        Path | None, typer.Option(help="COCO JSON: folder of the images; default: that of the JSON.")
    ] = None,
    use_crowds: Annotated[
        bool, typer.Option("--use-crowds", help="COCO JSON: crowds (iscrowd 1) are objects like others.")
    ] = False,
    pool: Pool = None,
    images: Images = 8192,
    device: DeviceOption = "auto",
) -> None:
    """Train Mask R-CNN on your own objects; writes a checkpoint, its average precision and pictures."""
    paths = dataset_paths(dataset)
    if epochs is not None and (steps is not None or not paths):
        raise ConfigurationError("--epochs: expected a dataset to pass over and no --steps; leave one of them out")
    require_datasets(paths)
    require_files(None, None if start == _PRETRAINED else start)

    import torch

    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.synthetic.variety import KINDS
    from unity_depth_perception.training import distributed
    from unity_depth_perception.training.compact.segmentation import train_segmentation as train
    from unity_depth_perception.training.engine.config import TrainingConfig
    from unity_depth_perception.training.segmentation.mask_rcnn import Task

    input_px = size or _INPUT_PX.get(network, 800)
    learning_rate = learning_rate or (8e-4 if network is Network.COMPACT else 1e-4)
    settings = {
        "command": "train-segmentation",
        "--network": str(network),
        "--from": start and Path(start).name,
        "--size": input_px,
        "--batch": batch,
        "--learning-rate": learning_rate,
        "--seed": seed,
    }
    names = (*_WRITTEN, f"{network}_segmentation.safetensors")
    with (
        distributed.process_group(resolve_device(device, torch.cuda.is_available())) as own_device,
        resumable_on_interrupt(output),
        contextlib.ExitStack() as locked,
    ):
        with distributed.rank_zero_first():
            weights = _start(start, network)
            samples = open_datasets(paths, images_dir, use_crowds) if paths else None
            if not distributed.rank():
                locked.enter_context(training_folder(output, names, paths, images_dir))
            write_or_check_settings(output, settings)
            data = _virtual() if samples is None else _from_dataset(samples, output, seed, input_px)
        config = TrainingConfig(
            output=output,
            pool=pool or output / "pool",
            images=images,
            kinds=KINDS,
            steps=_steps(steps, epochs, data.source, batch * distributed.world_size()),
            minutes=minutes,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            start=weights,
            device=own_device,
            source=data.source,
        )
        validation_samples = None if data.source is None else data.samples
        task = Task(str(network), input_px, validation_samples, data.validation, patience)
        state = train(config, task)
        if not distributed.rank():
            _finish(state, config, task, data)


def _start(start: str | None, network: Network) -> Path | None:
    from unity_depth_perception.training.segmentation.initial_weights import (
        published_weights,
        require_segmentation_weights,
    )

    if start is None:
        return None
    return published_weights(str(network)) if start == _PRETRAINED else require_segmentation_weights(Path(start))


def _virtual() -> _Data:
    from unity_depth_perception.evaluation.heldout import HeldOutScenes

    return _Data(None, HeldOutScenes(_VIRTUAL_SCENES, _VIRTUAL_SEED), range(_VIRTUAL_SCENES))


def _from_dataset(samples: LabelledSamples, output: Path, seed: int, input_px: int) -> _Data:
    from unity_depth_perception.training.data.dataset_shards import DatasetSource, MaskSamples
    from unity_depth_perception.training.data.split import Split

    split = Split.draw(samples.names, samples.categories, seed)
    split.write_or_check(output / "split.json")
    index_of = {name: index for index, name in enumerate(samples.names)}
    train = [index_of[name] for name in split.train]
    source = DatasetSource(output / "data", MaskSamples(samples), train, input_px**2, progress_bar("reading"))
    return _Data(source, samples, [index_of[name] for name in split.validation])


def _steps(steps: int | None, epochs: float | None, source: DatasetSource | None, images_per_step: int) -> int:
    if epochs is None or source is None:
        return steps or (_VIRTUAL_STEPS if source is None else _STEPS)
    return max(1, math.ceil(epochs * len(source) / images_per_step))


def _finish(state: dict[str, Tensor], config: TrainingConfig, task: Task, data: _Data) -> None:
    """Write the checkpoint, metrics.json and pictures of the validation images."""
    from unity_depth_perception.models.registry import create_segmenter
    from unity_depth_perception.training.segmentation.checkpoint import json_scores, save_segmentation
    from unity_depth_perception.training.segmentation.report import write_report

    path = config.output / f"{task.network}_segmentation.safetensors"
    training = {"steps": config.steps, "batch": config.batch, "seed": config.seed}
    save_segmentation(path, state, task, config.categories, training)
    segmenter = create_segmenter(str(path), config.device)
    progress = progress_bar("validating")
    scores = write_report(segmenter, data.samples, data.validation, config.output, config.seed, progress)
    save_segmentation(path, state, task, config.categories, training, scores)
    write_json(config.output / "metrics.json", json_scores(scores))
    typer.echo(
        f"{len(data.validation)} validation images: mask AP {scores.mask_ap:.3f}, AP50 {scores.mask_ap50:.3f}; "
        f"box AP {scores.box_ap:.3f}, AP50 {scores.box_ap50:.3f}"
    )
    typer.echo(f"weights: {path}")
