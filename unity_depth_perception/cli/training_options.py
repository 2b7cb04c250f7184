"""What `train-segmentation` and `train-depth` share on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unity_depth_perception.training.dataset_source import LabelledSamples

VIRTUAL = "virtual"
"""The word that stands for virtual Unity where a dataset is asked for."""

Dataset = Annotated[
    str, typer.Argument(metavar="DATASET", help="Dataset folder, or the word virtual: scenes rendered on the fly.")
]
Output = Annotated[
    Path, typer.Option("--output", help="Folder of weights, log and checkpoint; a started training goes on there.")
]
Pool = Annotated[Path | None, typer.Option(help="virtual: folder of rendered scenes, to share between trainings.")]
Images = Annotated[int, typer.Option(min=32, help="virtual: scenes in the pool.")]
Minutes = Annotated[float | None, typer.Option(min=0.01, help="End earlier, the schedule compressed, after this time.")]
Batch = Annotated[int, typer.Option(min=2, help="Images a step.")]
LearningRate = Annotated[float, typer.Option(min=0, help="Its peak.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the initial weights, of the draws and of the split.")]


def open_dataset(path: Path) -> LabelledSamples:
    """A dataset folder, after a look at every file of it; what is odd but allowed is said on stderr.

    Raises:
        DatasetError: something is wrong with it; names every problem with its file.
    """
    from unity_depth_perception.dataset.annotations import refuse
    from unity_depth_perception.dataset.examination import examine
    from unity_depth_perception.dataset.reader import UnityDataset

    found = examine(path)
    refuse(str(path), found.problems)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    return UnityDataset(path)
