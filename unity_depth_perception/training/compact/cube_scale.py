"""Training of the cube scale: ground-plane estimates from crops of cubes, and of objects mistaken for cubes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.models.compact.cube_scale import CubeScaleNetwork, cube_estimate_losses
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_AREA_PX, embedded_proposer
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.compact.proposals import CropMiner, draw_crops, draw_gravity
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit, low_precision


def train_cube_scale(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the EMA weights."""
    torch.manual_seed(config.seed)
    network = CubeScaleNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()
    detector = embedded_proposer(config.device).detector
    cubes = torch.tensor([False, *(name.endswith("_cube") for name in CATEGORIES)], device=config.device)
    miner: CropMiner | None = None

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        nonlocal miner
        miner = miner or CropMiner(detector, SEGMENTATION_AREA_PX, source.least_visible_ratio, config.device)
        while True:  # a small batch may have no cube
            batch = draw_crops(source.available(), miner, rng, config.batch)
            is_cube = cubes[batch.labels] & torch.isfinite(batch.depth_m)
            if is_cube.any():
                break
        with low_precision(config.device):
            estimates = network(batch.crops, batch.intrinsics, draw_gravity(batch, config.batch))
        return cube_estimate_losses(estimates, batch.depth_m.log(), batch.floor, is_cube, batch.crops.image_of)

    return fit(config, network, step_loss, part="cube_scale")
