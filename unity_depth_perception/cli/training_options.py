"""What `train-segmentation` and `train-depth` share on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.core.errors import ConfigurationError, DatasetError

if TYPE_CHECKING:
    from unity_depth_perception.training.data.dataset_shards import LabelledSamples

VIRTUAL = "virtual"
"""The word that stands for virtual Unity where a dataset is asked for."""

Dataset = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="Dataset folder, or the word virtual: scenes rendered on the fly."),
]
Output = Annotated[
    Path, typer.Option("--output", help="Folder of weights, log and checkpoint; a started training goes on there.")
]
Pool = Annotated[Path | None, typer.Option(help="virtual: folder of rendered scenes, to share between trainings.")]
Images = Annotated[int, typer.Option(min=32, help="virtual: scenes in the pool.")]
Minutes = Annotated[float | None, typer.Option(min=0.01, help="End earlier, the schedule compressed, after this time.")]
Batch = Annotated[int, typer.Option(min=2, help="Images a step.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the initial weights, of the draws and of the split.")]


def keep_settings(output: Path, settings: Mapping[str, str | int | float | None]) -> None:
    """Write down how a training was asked for, or find it so where one goes on; what bounds its length may change.

    Raises:
        ConfigurationError: the training that was started there was asked for differently.
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
    """A dataset folder or a COCO file, after a look at every file of it; what is odd but allowed is said on stderr.

    Args:
        images_dir: folder of the images of a COCO file.
        needs_depth: an image without true depth is a problem.

    Raises:
        DatasetError: something is wrong with it; names every problem with its file.
    """
    from unity_depth_perception.dataset.annotations import raise_if_problems
    from unity_depth_perception.dataset.coco import CocoDataset, examine_coco
    from unity_depth_perception.dataset.examination import examine
    from unity_depth_perception.dataset.reader import UnityDataset

    is_coco = path.suffix == ".json"
    found = examine_coco(path, images_dir) if is_coco else examine(path, needs_depth)
    raise_if_problems(str(path), found.problems)
    if not (found.objects or needs_depth):
        raise DatasetError(f"{path}: expected objects to learn from, but no image has one")
    if found.images < 2:
        raise DatasetError(f"{path}: expected at least 2 images, some to train on and some to judge by, got 1")
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    return CocoDataset(path, images_dir) if is_coco else UnityDataset(path)
