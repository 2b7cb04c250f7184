"""Options and checks that `train-segmentation` and `train-depth` share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.progress import track
from unity_depth_perception.core.errors import ConfigurationError, DatasetError

if TYPE_CHECKING:
    from unity_depth_perception.dataset.sample import Progress
    from unity_depth_perception.training.data.dataset_shards import LabelledSamples

VIRTUAL = "virtual"
"""Argument that names virtual Unity instead of a dataset."""

Dataset = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="Dataset folder, or the word virtual: scenes rendered on the fly."),
]
Output = Annotated[
    Path,
    typer.Option("--output", help="Folder of weights, log and checkpoint; a training that was started there resumes."),
]
Pool = Annotated[Path | None, typer.Option(help="virtual: folder of rendered scenes, to share between trainings.")]
Images = Annotated[int, typer.Option(min=32, help="virtual: scenes in the pool.")]
Minutes = Annotated[float | None, typer.Option(min=0.01, help="Time limit; the schedule is compressed to fit.")]
Batch = Annotated[int, typer.Option(min=2, help="Images per step.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of initial weights, training batches and split.")]


def write_or_check_settings(output: Path, settings: Mapping[str, str | int | float | None]) -> None:
    """Write settings.json, or where a training resumes, check that its settings are the same.

    Raises:
        ConfigurationError: the training was started with other settings.
    """
    path = output / "settings.json"
    if not path.is_file():
        output.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return
    earlier = json.loads(path.read_text(encoding="utf-8"))
    others = {name: value for name, value in earlier.items() if settings.get(name) != value}
    if others:
        listed = ", ".join(f"no {name}" if value is None else f"{name} {value}" for name, value in others.items())
        raise ConfigurationError(
            f"{output}: a training was started here with {listed}; go on with that, or choose another output folder"
        )


def open_dataset(path: Path, images_dir: Path | None = None, needs_depth: bool = False) -> LabelledSamples:
    """Examine every file of a dataset folder or of a COCO dataset, print notes to stderr, and open the dataset.

    Args:
        images_dir: folder of the images of a COCO file.
        needs_depth: whether every image must have true depth.

    Raises:
        DatasetError: names every problem with its file.
    """
    from unity_depth_perception.dataset.annotations import raise_if_problems
    from unity_depth_perception.dataset.coco import CocoDataset, examine_coco
    from unity_depth_perception.dataset.examination import examine
    from unity_depth_perception.dataset.reader import UnityDataset

    is_coco = path.suffix == ".json"
    found = examine_coco(path, images_dir) if is_coco else examine(path, needs_depth)
    raise_if_problems(str(path), found.problems)
    if not (found.objects or needs_depth):
        raise DatasetError(f"{path}: expected objects to train on, but no image has one")
    if found.images < 2:
        raise DatasetError(f"{path}: expected at least 2 images, some for training and some for validation, got 1")
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    return CocoDataset(path, images_dir) if is_coco else UnityDataset(path)


def progress_bar(description: str) -> Progress:
    """Progress bar on stderr."""
    return lambda indices: track(indices, len(indices), description)
