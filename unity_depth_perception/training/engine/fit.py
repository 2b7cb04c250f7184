"""The training loop that every network is trained with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.models.checkpoints.safetensors_file import fill_network, load_weights
from unity_depth_perception.training import distributed
from unity_depth_perception.training.data.scene_pool import ScenePool
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.logger import TrainingLogger
from unity_depth_perception.training.engine.training_state import TrainingState
from unity_depth_perception.training.engine.validation import Validation

StepLoss = Callable[[ShardSource, np.random.Generator, float], dict[str, Tensor]]
"""Named losses of a batch that is drawn from the source with the generator, at a progress of 0..1."""


def fit(
    config: TrainingConfig,
    network: nn.Module,
    step_loss: StepLoss,
    part: str = "",
    validation: Validation | None = None,
) -> dict[str, Tensor]:
    """Train a network on the sum of the losses that `step_loss(source, rng, progress)` returns.

    Resumes from `config.output / "checkpoint.pt"` where that exists. On a GPU the losses are computed under bfloat16
    autocast; `step_loss` disables it where float32 is needed.

    Args:
        part: the network's name within a model of several; its tensors are named `part.` in `config.start`.
        validation: how the EMA weights are validated from time to time.

    Returns:
        EMA weights: those of the best validation, or without validation the last ones.

    Raises:
        ModelError: the checkpoint or the weights to start from are of another network.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    if config.start is not None:
        fill_network(network, _part_of(load_weights(config.start)[0], part), config.start)
    source = config.source or ScenePool(config.pool, config.images, config.device, config.kinds)
    state = TrainingState(config, network)
    logger = TrainingLogger(state)
    losses_of = distributed.data_parallel(_StepLossModule(network, step_loss))
    try:
        source.wait()
        while True:
            if validation is not None:
                _validate_if_due(validation, state, logger)
            if state.progress >= 1 or (validation is not None and validation.should_stop(state.best)):
                break
            with torch.autocast(config.device.type, torch.bfloat16, enabled=config.device.type == "cuda"):
                losses = losses_of(source, state.seed_step(), state.progress)
            state.optimize(losses)
            logger.log_losses(losses)
    finally:  # after Ctrl-C too: the next call resumes from here
        state.save()
        logger.close()
        source.close()
    return state.best.weights or state.ema_weights


def _validate_if_due(validation: Validation, state: TrainingState, logger: TrainingLogger) -> None:
    """Validate the EMA weights on rank 0 and save the state, whose best checkpoint they may be."""
    number = math.floor(state.progress * validation.times)
    if number < state.best.next_validation:
        return
    scores = {} if distributed.rank() else validation.measure(state.ema_weights)
    score = distributed.broadcast(next(iter(scores.values()), math.nan), state.config.device)
    state.best.update(-score if validation.lower_is_better else score, state.ema_weights)
    state.best.next_validation = number + 1
    logger.log_validation(scores)
    if validation.should_stop(state.best):
        logger.print(f"early stopping: {state.best.since_best} validations without a new best checkpoint")
    state.save()


class _StepLossModule(nn.Module):
    """Step loss as a module, as DistributedDataParallel needs one."""

    def __init__(self, network: nn.Module, step_loss: StepLoss) -> None:
        super().__init__()
        self.network = network
        self._step_loss = step_loss

    def forward(self, source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        return self._step_loss(source, rng, progress)


def low_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on a CPU that has instructions for it (AVX-512 BF16); on a GPU `fit` has done so."""
    is_native = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast("cpu", torch.bfloat16, enabled=device.type == "cpu" and is_native)


def named_parts(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of all networks of a model, named `part.tensor`."""
    return {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}


def _part_of(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}." if part else ""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
