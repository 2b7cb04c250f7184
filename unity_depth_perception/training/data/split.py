"""Which images of a dataset train and which ones judge: drawn by seed once, and written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unity_depth_perception.core.errors import DatasetError

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """File names of the images of each side.

    Attributes:
        seed: that the sides were drawn with.
        categories: of the dataset.
        train, validation: names, in the dataset's order.
    """

    seed: int
    categories: tuple[str, ...]
    train: tuple[str, ...]
    validation: tuple[str, ...]

    @classmethod
    def draw(cls, names: Sequence[str], categories: Sequence[str], seed: int) -> Split:
        """A fifth of the images, at least one, for validation.

        Raises:
            DatasetError: there are fewer than two images.
        """
        if len(names) < 2:
            raise DatasetError(f"expected at least 2 images, some to train on and some to judge by, got {len(names)}")
        count = max(1, round(VALIDATION_SHARE * len(names)))
        chosen = set(np.random.default_rng(seed).permutation(len(names))[:count].tolist())
        train = tuple(name for index, name in enumerate(names) if index not in chosen)
        return cls(seed, tuple(categories), train, tuple(names[index] for index in sorted(chosen)))

    def keep(self, path: Path) -> None:
        """Write it to a JSON file, or find it there, where a training goes on.

        Raises:
            DatasetError: the file holds another split: a training was started there with another dataset or seed.
        """
        content = json.loads(json.dumps(asdict(self)))
        if path.is_file():
            if json.loads(path.read_text(encoding="utf-8")) != content:
                raise DatasetError(
                    f"{path}: a training was started here with another dataset or seed; choose another output folder"
                )
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
