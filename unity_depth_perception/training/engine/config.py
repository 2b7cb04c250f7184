"""How a training is configured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.data.shards import ShardSource


@dataclass(frozen=True)
class TrainingConfig:
    """How to train a model.

    Attributes:
        output: folder of checkpoints, log and final weights.
        pool: folder of rendered scenes, shared between trainings.
        images: how many scenes the pool holds.
        steps: optimiser steps; the learning rate follows a cosine over them.
        minutes: end earlier, with the same schedule compressed, when this wall time is over; None for no limit.
        batch: images a step.
        learning_rate: its peak.
        seed: of initial weights and of the draws.
        start: weights to start from instead of random ones.
        source: what to draw from instead of virtual scenes: a dataset.
    """

    output: Path
    pool: Path
    images: int = 8192
    steps: int = 8000
    minutes: float | None = None
    batch: int = 16
    learning_rate: float = 1.5e-3
    seed: int = 0
    start: Path | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    source: ShardSource | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of what the images show."""
        return CATEGORIES if self.source is None else self.source.categories


def part_config(config: TrainingConfig, part: str, share: float) -> TrainingConfig:
    """How to train one network of a model of several: with its share (0..1) of the steps and of the time.

    Its folder lies in the whole's.
    """
    minutes = None if config.minutes is None else config.minutes * share
    return replace(config, output=config.output / part, steps=max(1, round(config.steps * share)), minutes=minutes)
