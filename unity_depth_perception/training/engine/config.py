"""Configuration of a training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.data.shards import ShardSource


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration of a training.

    Attributes:
        output: folder of checkpoint, log and final weights.
        pool: folder of rendered scenes, which several trainings may share.
        images: number of scenes in the pool.
        kinds: kinds of the scenes in the pool, as of `ScenePool`.
        steps: optimiser steps, over which the learning rate follows a cosine.
        minutes: limit of the wall time, into which the same schedule is compressed; None for no limit.
        batch: images per step.
        learning_rate: peak.
        seed: of initial weights and of everything drawn at random.
        start: file of initial weights; None for random ones.
        source: dataset to train on; None for the pool of virtual scenes.
    """

    output: Path
    pool: Path
    images: int = 8192
    kinds: tuple[str, ...] = ("room",)
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
        """Category names of the training images."""
        return CATEGORIES if self.source is None else self.source.categories


def part_config(config: TrainingConfig, part: str, share: float) -> TrainingConfig:
    """Configuration of one network of a model, with a share (0..1) of its steps and time and a folder of its own."""
    minutes = None if config.minutes is None else config.minutes * share
    return replace(config, output=config.output / part, steps=max(1, round(config.steps * share)), minutes=minutes)
