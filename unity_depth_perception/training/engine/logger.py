"""Log of a training: lines on the terminal, log.jsonl, and TensorBoard where that is installed."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from unity_depth_perception.training import distributed
from unity_depth_perception.training.engine.training_state import TrainingState

_LOG_EVERY = 50
_LOG_EVERY_S = 15.0  # or after this time: slow steps shall be seen to go on too


class TrainingLogger:
    """Logs losses and validation scores of one network; of several processes rank 0 alone writes.

    Args:
        state: of the training; TensorBoard entries of steps after it are discarded.
    """

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._path = state.config.output / "log.jsonl"
        self._every = max(1, min(_LOG_EVERY, state.config.steps // 20))
        self._last = time.monotonic()
        self._losses: list[Mapping[str, Tensor]] = []  # since the last line
        self._tensorboard = None
        if not distributed.rank() and importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(state.config.output / "tensorboard"), purge_step=state.step)
        if state.step:
            self.print(f"resuming at step {state.step}")

    def print(self, text: str) -> None:
        """Print a line."""
        if not distributed.rank():
            print(text, flush=True)

    def log_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of a step; from time to time log their means since the last line, and the time left."""
        self._losses.append({name: value.detach() for name, value in losses.items()})
        if self._state.step % self._every and time.monotonic() - self._last < _LOG_EVERY_S:
            return
        means = {name: float(torch.stack([step[name] for step in self._losses]).mean()) for name in losses}
        self._losses.clear()
        self._last = time.monotonic()
        rate, progress = self._state.optimizer.param_groups[0]["lr"], self._state.progress
        left_s = self._state.seconds * (1 - progress) / max(progress, 1e-6)
        left = f"{left_s / 60:.0f} min" if left_s >= 60 else f"{left_s:.0f} s"
        self._log(f"{_listed(means)}  lr {rate:.1e}  {left} left", "training", {"lr": rate, **means})

    def log_validation(self, scores: Mapping[str, float]) -> None:
        """Log the scores of a validation."""
        self._log(f"validation: {_listed(scores)}", "validation", scores)

    def close(self) -> None:
        """Write what TensorBoard still holds in memory."""
        if self._tensorboard is not None:
            self._tensorboard.close()

    def _log(self, text: str, group: str, values: Mapping[str, float]) -> None:
        step, seconds = self._state.step, self._state.seconds
        self.print(f"step {step:6d}  {100 * self._state.progress:5.1f} %  {text}")
        if distributed.rank():
            return
        entry: dict[str, Any] = {"step": step, "seconds": round(seconds, 1)}
        entry |= dict(values) if group == "training" else {group: dict(values)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if self._tensorboard is not None:
            for name, value in values.items():
                self._tensorboard.add_scalar(f"{group}/{name}", value, step)


def _listed(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in values.items())
