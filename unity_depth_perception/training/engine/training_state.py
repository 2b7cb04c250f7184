"""State of a training: network, optimiser, EMA weights, best checkpoint, schedule; saved in and resumed from a file."""

from __future__ import annotations

import math
import pickle
import time
import zipfile
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError, ModelError
from unity_depth_perception.core.files.atomic_file import remove_drafts, replacing
from unity_depth_perception.training import distributed
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.validation import BestCheckpoint

_SAVE_EVERY = 500
_SAVE_EVERY_S = 300.0  # or after this time: the most that a killed training loses
_WARMUP = 0.03  # of the training
_EMA_DECAY = 0.998
_MAX_GRADIENT_NORM = 5.0


class TrainingState:
    """Everything that changes during a training; resumes from `config.output / "checkpoint.pt"` where that exists.

    Attributes:
        ema_weights: exponential moving average of the network's parameters and buffers.
        best: best checkpoint; without weights where nothing was validated.
        step: optimiser steps so far.
        progress: 0..1, by steps or by time, whichever is further.

    Raises:
        ModelError: the checkpoint is of another network.
    """

    def __init__(self, config: TrainingConfig, network: nn.Module) -> None:
        self.config = config
        self.network = network
        self.optimizer = torch.optim.AdamW(_parameter_groups(network), lr=config.learning_rate, betas=(0.9, 0.98))
        self.ema_weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.best = BestCheckpoint()
        self.step = 0
        self._earlier_s = 0.0
        self._start = self._saved = time.monotonic()
        self._path = config.output / "checkpoint.pt"
        if not distributed.rank():
            remove_drafts(config.output)
        if self._path.exists():
            self._resume()
        self.progress = self._progress()

    @property
    def seconds(self) -> float:
        """Wall time of the training, earlier calls included."""
        return self._earlier_s + time.monotonic() - self._start

    def seed_step(self) -> np.random.Generator:
        """Seed torch and return a generator, both from seed, step and rank alone: a resumed training draws the same."""
        rank = distributed.rank()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + (rank << 40))
        return np.random.default_rng([self.config.seed, self.step, rank] if rank else [self.config.seed, self.step])

    def optimize(self, losses: dict[str, Tensor]) -> None:
        """Take an optimiser step on the sum of the losses and update the EMA weights; save from time to time."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _learning_rate_factor(self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT_NORM)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.progress = self._progress()
        self._update_ema_weights()
        if self.step % _SAVE_EVERY == 0 or time.monotonic() - self._saved > _SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write checkpoint.pt atomically."""
        self._saved = time.monotonic()
        if distributed.rank():
            return
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema_weights": self.ema_weights,
            "best": vars(self.best),
        }
        try:
            with replacing(self._path) as file:
                torch.save(state, file)
        except RuntimeError as error:  # torch hides the system's error
            reason = str(error).splitlines()[0]
            raise ConfigurationError(
                f"{self._path}: cannot write the checkpoint ({reason}); is the disk full?"
            ) from None

    def _resume(self) -> None:
        try:
            state = torch.load(self._path, map_location=self.config.device, weights_only=True)
        except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile):
            raise ModelError(
                f"{self._path}: damaged; remove it, and the training of this network starts again"
            ) from None
        try:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.ema_weights, self.best = state["ema_weights"], BestCheckpoint(**state["best"])
        except (KeyError, RuntimeError, TypeError, ValueError):  # KeyError: of an earlier version
            raise ModelError(
                f"{self._path}: a training of another network, other categories or an earlier version was started "
                "here; choose another output folder"
            ) from None
        self.step, self._earlier_s = state["step"], state["seconds"]

    def _progress(self) -> float:
        by_time = 0.0
        if self.config.minutes:
            by_time = distributed.broadcast(self.seconds, self.config.device) / (60 * self.config.minutes)
        return min(max(self.step / self.config.steps, by_time), 1.0)

    def _update_ema_weights(self) -> None:
        """The decay grows with the steps, so that the initial weights are soon forgotten."""
        decay = min(_EMA_DECAY, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.ema_weights[name].lerp_(value, 1 - decay)
            else:
                self.ema_weights[name].copy_(value)


def _learning_rate_factor(progress: float) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if progress < _WARMUP:
        return max(progress / _WARMUP, 0.02)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - _WARMUP) / (1 - _WARMUP)))


def _parameter_groups(network: nn.Module) -> Iterable[dict[str, object]]:
    """Weight decay for matrices and filters only."""
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": weights, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
