"""What both trainings share: how they are asked for, and the loop over their steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.models.checkpoints.safetensors_file import fill_network, load_weights
from unity_depth_perception.training import distributed as workers
from unity_depth_perception.training.data.scene_pool import ScenePool
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.training_state import Run
from unity_depth_perception.training.engine.validation import Validation

StepLoss = Callable[[ShardSource, np.random.Generator, float], dict[str, Tensor]]


def fit(
    config: TrainingConfig,
    network: nn.Module,
    step_loss: StepLoss,
    part: str = "",
    validation: Validation | None = None,
) -> dict[str, Tensor]:
    """Minimise the sum of the losses that `step_loss(source, rng, progress)` returns.

    Resumes from `config.output / "checkpoint.pt"` where that exists. On a GPU the losses are computed in bfloat16 where
    that is safe (autocast); what must be exact, `step_loss` turns to float32.

    Args:
        part: the network's name within a model of several; its tensors are named `part.` in `config.start`.
        validation: how the weights are judged meanwhile.

    Returns:
        The averaged weights: those of the best judgement, or without a validation the last ones.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    if config.start is not None:
        fill_network(network, _part_of(load_weights(config.start)[0], part), config.start)
    source = config.source or ScenePool(config.pool, config.images, config.device)
    run = Run(config, network, validation)
    step = workers.data_parallel(_Step(network, step_loss))
    try:
        source.wait()
        while not run.is_over:
            run.judge_if_due()
            with torch.autocast(config.device.type, torch.bfloat16, enabled=config.device.type == "cuda"):
                losses = step(source, run.rng(), run.progress)
            run.advance(losses)
        run.judge_if_due()
    finally:  # after Ctrl-C too: the next call goes on from here
        run.save()
        run.journal.close()
        source.close()
    return run.result


class _Step(nn.Module):
    """A step's losses as a module, whatever the network's methods that they call: what is to be shared is a module."""

    def __init__(self, network: nn.Module, step_loss: StepLoss) -> None:
        super().__init__()
        self.network = network
        self._step_loss = step_loss

    def forward(self, source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        return self._step_loss(source, rng, progress)


def low_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """For what is safe in bfloat16 on a CPU as well, where it has instructions for it; on a GPU `fit` sees to that."""
    is_native = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return (
        torch.autocast("cpu", torch.bfloat16, enabled=is_native) if device.type == "cpu" else contextlib.nullcontext()
    )


def named_parts(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all networks of a model, named `part.tensor`."""
    return {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}


def _part_of(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}." if part else ""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
