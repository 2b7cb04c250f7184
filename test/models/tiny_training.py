"""A training of milliseconds that draws from both random number generators and can be interrupted."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.fit import StepLoss


def noisy_steps(layer: nn.Module, stop_at: int | None = None) -> StepLoss:
    """Step loss of a layer of 4 to 4 numbers that learns the identity; raises Ctrl-C in step `stop_at`."""
    calls = 0

    def step_loss(_: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(8, 4)).astype(np.float32))
        return {"loss": (layer(x + torch.randn(8, 4)) - x).square().mean()}

    return step_loss
