"""Random split of a dataset into training and validation images, kept in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.json_file import read_json

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """File names of the training and validation images.

    Attributes:
        seed: of the random split.
        categories: of the dataset.
        train, validation: file names, in the dataset's order.
    """

    seed: int
    categories: tuple[str, ...]
    train: tuple[str, ...]
    validation: tuple[str, ...]

    @classmethod
    def draw(cls, names: Sequence[str], categories: Sequence[str], seed: int) -> Split:
        """Draw a fifth of the images, at least one, for validation.

        Raises:
            DatasetError: there are fewer than two images.
        """
        if len(names) < 2:
            raise DatasetError(
                f"expected at least 2 images, some for training and some for validation, got {len(names)}"
            )
        count = max(1, round(VALIDATION_SHARE * len(names)))
        chosen = set(np.random.default_rng(seed).permutation(len(names))[:count].tolist())
        train = tuple(name for index, name in enumerate(names) if index not in chosen)
        return cls(seed, tuple(categories), train, tuple(names[index] for index in sorted(chosen)))

    def write_or_check(self, path: Path) -> None:
        """Write the split to a JSON file, or where a training resumes, check that the file holds the same split.

        Raises:
            DatasetError: the file holds another split.
        """
        content = json.loads(json.dumps(asdict(self)))
        if path.is_file():
            if read_json(path, "the split of an earlier training (remove a damaged one)", DatasetError) != content:
                raise DatasetError(
                    f"{path}: a training was started here with another dataset or seed; choose another output folder"
                )
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
