"""Judging a training by images that it does not learn from: which weights were best, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unity_depth_perception.training import distributed as workers

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Validation:
    """How a training is judged, and how long it may go on without getting better.

    Attributes:
        measure: names and values of the averaged weights' scores; the first one decides, larger is better.
        times: judgements in a whole training, beside the one of its start.
        patience: judgements in a row without a better one after which it ends; 0: it never ends early. They count
            from the first that is better than the start: random weights may take long to find anything.
    """

    measure: Callable[[State], dict[str, float]]
    times: int = 20
    patience: int = 6


class BestCheckpoint:
    """Keeps the best weights of a training."""

    def __init__(self, validation: Validation, device: torch.device) -> None:
        self._validation = validation
        self._device = device
        self._count = 0  # judgements that are done or were passed over
        self._has_improved = False  # on the start
        self._since_best = 0
        self._best_score = -math.inf
        self.best: dict[str, Tensor] = {}

    @property
    def should_stop(self) -> bool:
        """Whether the last judgements, as many as the patience allows, found nothing better."""
        return 0 < self._validation.patience <= self._since_best

    def is_due(self, progress: float) -> bool:
        """Whether it is time for a judgement, at progress 0..1."""
        return math.floor(min(progress, 1.0) * self._validation.times) >= self._count

    def judge(self, progress: float, average: State) -> dict[str, float]:
        """Measure the weights, and keep them if they are the best so far. The first process alone measures."""
        measures = self._validation.measure(average) if not workers.rank() else {}
        score = next(iter(measures.values()), math.nan)
        score = workers.broadcast(score, self._device)
        self._count = math.floor(min(progress, 1.0) * self._validation.times) + 1
        if not self.best or score > self._best_score:
            self._has_improved = bool(self.best)
            self._best_score, self._since_best = score, 0
            self.best = {name: value.detach().clone() for name, value in average.items()}
        elif self._has_improved:
            self._since_best += 1
        return measures

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "count": self._count,
            "has_improved": self._has_improved,
            "since_best": self._since_best,
            "best_score": self._best_score,
            "best": self.best,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._count, self._has_improved, self._since_best = state["count"], state["has_improved"], state["since_best"]
        self._best_score, self.best = state["best_score"], state["best"]
