"""The yardstick's part of `train-depth`: cubes cut out of virtual scenes, and what might be taken for one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.models.compact import SEGMENTATION_AREA_PX, embedded_segmenter
from unity_depth_perception.models.yardstick import YardstickNetwork, sighting_losses
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.finds import Finder, draw_cutouts, known_down
from unity_depth_perception.training.loop import TrainingConfig, fit, low_precision
from unity_depth_perception.training.shards import ShardSource


def train_yardstick(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = YardstickNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()
    detector = embedded_segmenter(config.device).network
    cubes = torch.tensor([False, *(name.endswith("_cube") for name in CATEGORIES)], device=config.device)
    finder: Finder | None = None

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        nonlocal finder
        finder = finder or Finder(detector, SEGMENTATION_AREA_PX, source.least_visible_ratio, config.device)
        while True:  # a small batch may show no cube
            seen = draw_cutouts(source.available(), finder, rng, config.batch)
            is_cube = cubes[seen.labels] & torch.isfinite(seen.depth_m)
            if is_cube.any():
                break
        with low_precision(config.device):
            sightings = network(seen.crops, seen.intrinsics, known_down(seen, config.batch))
        return sighting_losses(sightings, seen.depth_m.log(), seen.floor, is_cube, seen.crops.image_of)

    return fit(config, network, step_loss, part="yardstick")
