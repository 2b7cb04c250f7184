"""What a training says of itself: lines on the terminal, log.jsonl, and TensorBoard where that is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unity_depth_perception.training import distributed as workers


class TrainingLogger:
    """Of one network; only the first of several processes writes.

    Args:
        output: folder of log.jsonl and of TensorBoard's files.
        step: at which the training begins or goes on: TensorBoard forgets what it was told of later ones.
    """

    def __init__(self, output: Path, step: int) -> None:
        self._path = output / "log.jsonl"
        self._silent = workers.rank() > 0
        self._board = None
        if not self._silent and importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(output / "tensorboard"), purge_step=step)

    def say(self, text: str) -> None:
        """One line for the person who watches."""
        if not self._silent:
            print(text, flush=True)

    def record(self, step: int, seconds: float, values: Mapping[str, float], group: str) -> None:
        """Numbers of a step: of the losses, or of a judgement."""
        if self._silent:
            return
        entry: dict[str, Any] = {"step": step, "seconds": round(seconds, 1)}
        entry |= dict(values) if group == "training" else {group: dict(values)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write what is still in memory."""
        if self._board is not None:
            self._board.close()
