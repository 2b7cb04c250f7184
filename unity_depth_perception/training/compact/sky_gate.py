"""Training of the gate between the dense networks: does an image show the sky, told from the encoder of rooms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork
from unity_depth_perception.models.compact.dense.sky_gate import LEAST_SKY, SkyGate
from unity_depth_perception.training.data.batches import draw_batch, ray_channels
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit

_AREA_PX = 256 * 256


def train_sky_gate(config: TrainingConfig, rooms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Train from scratch (or resume) on the encoder of `rooms`, weights of the dense network; return the EMA weights.

    Images with less sky than counts teach nothing, but those without any do.
    """
    torch.manual_seed(config.seed)
    encoder = CompactDepthNetwork().to(config.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    encoder.load_state_dict(dict(rooms))
    network = SkyGate().to(config.device)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        batch = draw_batch(source.available(), rng, config.batch, _AREA_PX, config.device, least_crop=0.7)
        rays = ray_channels(batch.intrinsics, *batch.depth_m.shape[1:])
        skips, coarsest, _ = encoder.encode_pixels(batch.image, rays)
        logits, cells = network(coarsest, skips[-1], rays)
        return gate_losses(logits, cells, batch.depth_m.isinf())

    return fit(config, network, step_loss, part="sky_gate")


def gate_losses(logits: Tensor, cells: Tensor, is_sky: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of the images' logits (B,) and of the cells' (B, h, w), given the sky (B, H, W) bool."""
    shares = functional.adaptive_avg_pool2d(is_sky.float()[:, None], (cells.shape[1], cells.shape[2]))[:, 0]
    share = is_sky.float().mean(dim=(1, 2))
    decides = (share == 0) | (share > LEAST_SKY)
    of_images = functional.binary_cross_entropy_with_logits(logits, (share > 0).float(), reduction="none")
    return {
        "sky in image": (of_images * decides).mean(),
        "sky in cells": functional.binary_cross_entropy_with_logits(cells, shares),
    }
