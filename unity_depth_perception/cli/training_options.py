"""Options and checks that `train-segmentation` and `train-depth` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.errors import ConfigurationError, DatasetError, InputError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.files.output_folder import output_folder, require_apart

if TYPE_CHECKING:
    from unity_depth_perception.dataset.sample import Progress
    from unity_depth_perception.dataset.sources import DatasetSamples

_SETTINGS = "settings.json"
VIRTUAL = "virtual"
"""Argument that names virtual Unity instead of a dataset."""

Datasets = Annotated[
    list[str],
    typer.Argument(
        metavar="DATASET...", help="Dataset folders (also SOLO ones), or the word virtual: scenes rendered on the fly."
    ),
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


def resumable_on_interrupt(output: Path) -> AbstractContextManager[None]:
    """Say on Ctrl-C how the training goes on."""
    return kept_on_interrupt(lambda: f"{output} keeps the training up to here: the same call goes on with it")


def training_folder(
    output: Path, names: Sequence[str], datasets: Sequence[Path], images_dir: Path | None = None
) -> AbstractContextManager[Path]:
    """Folder of a training, apart from its dataset; locked while the block runs.

    Args:
        names: of what this training writes there, beside `settings.json`.
        datasets: paths; none for virtual Unity.

    Raises:
        ConfigurationError: see `output_folder` and `require_apart`.
    """
    for source in [*datasets, *([] if images_dir is None else [images_dir])]:
        require_apart(output, source)
    return output_folder(output, (_SETTINGS, *names), known=_is_of_earlier_version)


def _is_of_earlier_version(taken: Path) -> bool:
    """Whether a training of version 0.1, which left no marker, wrote this: its settings name the command."""
    try:
        settings = read_json_object(taken.parent / _SETTINGS, "settings of a training")
    except InputError:
        return False
    return "command" in settings and (taken.name != "data" or (taken / "manifest.json").is_file())


def write_or_check_settings(output: Path, settings: Mapping[str, str | int | float | None]) -> None:
    """Write settings.json, or where a training resumes, check that its settings are the same.

    Raises:
        ConfigurationError: the training was started with other settings.
    """
    path = output / _SETTINGS
    if not path.is_file():
        output.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(settings))
        return
    earlier = read_json_object(path, "the settings of an earlier training", ConfigurationError)
    others = {name: value for name, value in earlier.items() if settings.get(name) != value}
    if others:
        listed = ", ".join(f"no {name}" if value is None else f"{name} {value}" for name, value in others.items())
        raise ConfigurationError(
            f"{output}: a training was started here with {listed}; go on with that, or choose another output folder"
        )


def open_datasets(
    paths: Sequence[Path], images_dir: Path | None = None, use_crowds: bool = False, needs_depth: bool = False
) -> DatasetSamples:
    """Examine every file of datasets, print notes to stderr, and open them, several as one.

    Args:
        paths: Unity dataset folders, SOLO folders, COCO files.
        images_dir: folder of the images of a COCO file.
        use_crowds: whether COCO's crowds are objects like others.
        needs_depth: whether every image must have true depth.

    Raises:
        DatasetError: names every kind of problem with its file.
    """
    from unity_depth_perception.dataset.checks.findings import group, raise_if_problems
    from unity_depth_perception.dataset.sources import CombinedDataset, examine_source, open_source

    images = objects = 0
    for path in paths:
        if needs_depth and path.suffix == ".json":
            raise DatasetError(f"{path}: expected a dataset folder with depth, got a COCO file, which has no depth")
        found = examine_source(path, images_dir, use_crowds, needs_depth)
        raise_if_problems(str(path), found.problems)
        images, objects = images + found.images, objects + found.objects
        for note in group(found.notes):
            typer.echo(f"note: {note}", err=True)
    named = ", ".join(map(str, paths))
    if not (objects or needs_depth):
        raise DatasetError(f"{named}: expected objects to train on, but no image has one")
    if images < 2:
        raise DatasetError(f"{named}: expected at least 2 images, some for training and some for validation, got 1")
    parts = [open_source(path, images_dir, use_crowds) for path in paths]
    return parts[0] if len(parts) == 1 else CombinedDataset(parts)


def dataset_paths(datasets: Sequence[str]) -> list[Path]:
    """Paths of datasets; none for virtual Unity.

    Raises:
        ConfigurationError: virtual Unity is named beside datasets.
    """
    if VIRTUAL not in datasets:
        return [Path(name) for name in datasets]
    if len(datasets) > 1:
        raise ConfigurationError(f"expected datasets or the word {VIRTUAL}, got both: {', '.join(datasets)}")
    return []


def progress_bar(description: str) -> Progress:
    """Progress bar on stderr."""
    return lambda indices: track(indices, len(indices), description)
