"""What both trainings share: the schedule, averaged weights, checkpoints to resume from, and progress lines."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.models.weights import fill_network, load_weights
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.pool import ScenePool
from unity_depth_perception.training.shards import ShardSource

_LOG_EVERY = 50
_SAVE_EVERY = 500
_WARMUP = 0.03
_AVERAGE_DECAY = 0.998


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


StepLoss = Callable[[ShardSource, np.random.Generator, float], dict[str, Tensor]]
Training = Callable[[TrainingConfig], dict[str, Tensor]]


def fit(config: TrainingConfig, network: nn.Module, step_loss: StepLoss, part: str = "") -> dict[str, Tensor]:
    """Minimise the sum of the losses that `step_loss(source, rng, progress)` returns; gives the averaged weights.

    Resumes from `config.output / "checkpoint.pt"` where that exists.

    Args:
        part: the network's name within a model of several; its tensors are named `part.` in `config.start`.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    if config.start is not None:
        fill_network(network, _part_of(load_weights(config.start)[0], part), config.start)
    source = config.source or ScenePool(config.pool, config.images)
    run = _Run(config, network)
    try:
        source.wait()
        while run.progress < 1:
            run.advance(step_loss(source, run.rng(), run.progress))
    finally:  # after Ctrl-C too: the next call goes on from here
        run.save()
        source.close()
    return run.average


def fit_parts(config: TrainingConfig, trainings: Mapping[str, tuple[float, Training]]) -> dict[str, Tensor]:
    """Train the networks of a model one after the other, each with its share of the steps and of the time.

    Args:
        config: of the whole; the parts' folders lie in its output.
        trainings: name of each part -> its share, 0..1, and what trains it.

    Returns:
        The tensors of all, named `part.tensor`.
    """
    state = {}
    for part, (share, train) in trainings.items():
        minutes = None if config.minutes is None else config.minutes * share
        steps = max(1, round(config.steps * share))
        trained = train(replace(config, output=config.output / part, steps=steps, minutes=minutes))
        state.update({f"{part}.{name}": value for name, value in trained.items()})
    return state


def _part_of(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}." if part else ""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


class _Run:
    """The state of a training: network, optimiser, averaged weights, steps and seconds so far."""

    def __init__(self, config: TrainingConfig, network: nn.Module) -> None:
        self.config = config
        self.network = network
        self.optimizer = torch.optim.AdamW(_groups(network), lr=config.learning_rate, betas=(0.9, 0.98))
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.step = 0
        self._earlier_s = 0.0
        self._start = time.monotonic()
        self._sums: dict[str, float] = {}
        self._path = config.output / "checkpoint.pt"
        if self._path.exists():
            self._resume()

    @property
    def seconds(self) -> float:
        return self._earlier_s + time.monotonic() - self._start

    @property
    def progress(self) -> float:
        """0..1, by steps or by time, whichever is further."""
        by_time = self.seconds / (60 * self.config.minutes) if self.config.minutes else 0.0
        return max(self.step / self.config.steps, by_time)

    def rng(self) -> np.random.Generator:
        """Depends on the seed and the step alone, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        return np.random.default_rng([self.config.seed, self.step])

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
        self._update_average()
        self._report(losses, rate)
        if self.step % _SAVE_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Write checkpoint.pt atomically."""
        partial = self._path.with_suffix(".partial")
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }
        torch.save(state, partial)
        partial.replace(self._path)

    def _resume(self) -> None:
        state = torch.load(self._path, map_location=self.config.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step, self._earlier_s = state["step"], state["seconds"]
        print(f"resuming at step {self.step}", flush=True)

    def _update_average(self) -> None:
        decay = min(_AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)

    def _report(self, losses: dict[str, Tensor], rate: float) -> None:
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        if self.step % _LOG_EVERY:
            return
        means = {name: value / _LOG_EVERY for name, value in self._sums.items()}
        self._sums.clear()
        left_s = self.seconds * (1 - self.progress) / max(self.progress, 1e-6)
        text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        print(
            f"step {self.step:6d}  {100 * self.progress:5.1f} %  {text}  lr {rate:.1e}  {left_s / 60:.0f} min left",
            flush=True,
        )
        with (self.config.output / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(self.seconds, 1), "lr": rate, **means}) + "\n")


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
