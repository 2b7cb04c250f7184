"""Validation during a training: when it is due, which weights are the best so far, when to stop early."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

State = Mapping[str, Tensor]


@dataclass
class BestCheckpoint:
    """The EMA weights with the best validation score so far, and the state of early stopping; kept in checkpoint.pt.

    Attributes:
        weights: state dict of these weights; empty before the first validation.
        score: their validation score, larger is better.
        has_improved: whether a validation was better than that of the initial weights.
        since_best: validations without improvement since the best one.
        next_validation: number of the next validation in the schedule; 0 is that of the initial weights.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    score: float = -math.inf
    has_improved: bool = False
    since_best: int = 0
    next_validation: int = 0

    def update(self, score: float, ema_weights: State) -> None:
        """Keep a copy of the weights if they are the first or score better (NaN does not)."""
        if not self.weights or score > self.score:
            self.has_improved = bool(self.weights)
            self.score, self.since_best = score, 0
            self.weights = {name: value.detach().clone() for name, value in ema_weights.items()}
        else:
            self.since_best += 1


@dataclass(frozen=True)
class Validation:
    """How to validate a training, how often, and when to stop early.

    Attributes:
        measure: returns named scores of the EMA weights; the first one decides.
        times: validations of a whole training, beside that of the initial weights.
        patience: the training stops early after this many validations in a row without improvement; 0: never.
            Counting starts with the first improvement on the initial weights, which may take long from random ones.
        from_start: counting starts at once, as for initial weights that are good already.
        lower_is_better: of the score that decides.
    """

    measure: Callable[[State], dict[str, float]]
    times: int = 20
    patience: int = 6
    from_start: bool = False
    lower_is_better: bool = False

    def should_stop(self, best: BestCheckpoint) -> bool:
        """Whether the patience is used up."""
        return (self.from_start or best.has_improved) and 0 < self.patience <= best.since_best
