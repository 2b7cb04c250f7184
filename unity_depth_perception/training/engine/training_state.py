"""The state of a training that goes on: the schedule, averaged weights, checkpoints to resume from, progress lines."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.training import distributed as workers
from unity_depth_perception.training.engine.logger import TrainingLogger
from unity_depth_perception.training.engine.validation import BestCheckpoint, Validation

if TYPE_CHECKING:
    from unity_depth_perception.training.engine.config import TrainingConfig

_LOG_EVERY = 50
_LOG_EVERY_S = 15.0  # or after this time: slow steps too shall be seen to go on
_SAVE_EVERY = 500
_SAVE_EVERY_S = 300.0  # or after this time: what a killed training loses at most
_WARMUP = 0.03
_EMA_DECAY = 0.998


class Run:
    """The state of a training: network, optimiser, averaged weights, steps and seconds so far."""

    def __init__(self, config: TrainingConfig, network: nn.Module, validation: Validation | None) -> None:
        self.config = config
        self.network = network
        self.optimizer = torch.optim.AdamW(_groups(network), lr=config.learning_rate, betas=(0.9, 0.98))
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.step = 0
        self._judge = None if validation is None else BestCheckpoint(validation, config.device)
        self._earlier_s = 0.0
        self._start = self._saved = self._logged = time.monotonic()
        self._sums: dict[str, float] = {}
        self._summed = 0  # steps in the sums
        self._log_every = max(1, min(_LOG_EVERY, config.steps // 20))
        self._path = config.output / "checkpoint.pt"
        if self._path.exists():
            self._resume()
        self.journal = TrainingLogger(config.output, self.step)
        if self.step:
            self.journal.say(f"resuming at step {self.step}")
        self.progress = self._progress()

    @property
    def seconds(self) -> float:
        return self._earlier_s + time.monotonic() - self._start

    @property
    def is_over(self) -> bool:
        return self.progress >= 1 or (self._judge is not None and self._judge.should_stop)

    @property
    def result(self) -> dict[str, Tensor]:
        return self.average if self._judge is None else self._judge.best

    def rng(self) -> np.random.Generator:
        """Depends on seed, step and process alone, so that a resumed run draws what it would have drawn."""
        rank = workers.rank()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + (rank << 40))
        return np.random.default_rng([self.config.seed, self.step, rank] if rank else [self.config.seed, self.step])

    def advance(self, losses: dict[str, Tensor]) -> None:
        """One optimiser step."""
        rate = self.config.learning_rate * _schedule(self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.progress = self._progress()
        self._update_average()
        self._report(losses, rate)
        if self.step % _SAVE_EVERY == 0 or time.monotonic() - self._saved > _SAVE_EVERY_S:
            self.save()

    def judge_if_due(self) -> None:
        """BestCheckpoint the averaged weights where it is time to, and save what may be the best."""
        if self._judge is None or not self._judge.is_due(self.progress):
            return
        measures = self._judge.judge(self.progress, self.average)
        text = "  ".join(f"{name} {value:.4f}" for name, value in measures.items())
        self.journal.say(f"{self._where()}  validation: {text}")
        self.journal.record(self.step, self.seconds, measures, "validation")
        self.save()

    def save(self) -> None:
        """Write checkpoint.pt atomically."""
        self._saved = time.monotonic()
        if workers.rank():
            return
        partial = self._path.with_suffix(".partial")
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }
        if self._judge is not None:
            state["judge"] = self._judge.state()
        torch.save(state, partial)
        partial.replace(self._path)

    def _resume(self) -> None:
        state = torch.load(self._path, map_location=self.config.device, weights_only=True)
        try:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError):
            raise ModelError(
                f"{self._path}: a training of another network or of other categories was started here; "
                "choose another output folder"
            ) from None
        self.average = state["average"]
        self.step, self._earlier_s = state["step"], state["seconds"]
        if self._judge is not None and "judge" in state:
            self._judge.resume(state["judge"])

    def _where(self) -> str:
        return f"step {self.step:6d}  {100 * self.progress:5.1f} %"

    def _progress(self) -> float:
        """0..1, by steps or by time, whichever is further."""
        by_time = 0.0
        if self.config.minutes:
            by_time = workers.broadcast(self.seconds, self.config.device) / (60 * self.config.minutes)
        return min(max(self.step / self.config.steps, by_time), 1.0)

    def _update_average(self) -> None:
        decay = min(_EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)

    def _report(self, losses: dict[str, Tensor], rate: float) -> None:
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        self._summed += 1
        if self.step % self._log_every and time.monotonic() - self._logged < _LOG_EVERY_S:
            return
        means = {name: value / self._summed for name, value in self._sums.items()}
        self._sums.clear()
        self._summed, self._logged = 0, time.monotonic()
        left_s = self.seconds * (1 - self.progress) / max(self.progress, 1e-6)
        text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        self.journal.say(f"{self._where()}  {text}  lr {rate:.1e}  {_duration(left_s)} left")
        self.journal.record(self.step, self.seconds, {"lr": rate, **means}, "training")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _schedule(progress: float) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if progress < _WARMUP:
        return max(progress / _WARMUP, 0.02)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - _WARMUP) / (1 - _WARMUP)))


def _groups(network: nn.Module) -> Iterable[dict[str, object]]:
    """Weight decay for matrices and filters only."""
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": weights, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
