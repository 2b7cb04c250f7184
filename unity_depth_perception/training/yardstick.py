"""The yardstick's part of `train-depth`: cubes cut out of virtual scenes, and what might be taken for one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import roi_align

from unity_depth_perception.models.compact import embedded_segmenter
from unity_depth_perception.models.crops import MASK_PX
from unity_depth_perception.models.yardstick import YardstickNetwork, sighting_losses
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.batches import draw_batch
from unity_depth_perception.training.cutouts import Cutouts, mistaken, objects
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.shards import ShardSource

_AREA_PX = 384 * 384


def train_yardstick(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = YardstickNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()
    detector = embedded_segmenter(config.device).network
    cubes = torch.tensor([False, *(name.endswith("_cube") for name in CATEGORIES)], device=config.device)

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        while True:  # a small batch may show no cube
            batch = draw_batch(source.available(), rng, config.batch, _AREA_PX, config.device, least_crop=0.7)
            seen = Cutouts.joined([objects(batch, rng), mistaken(detector, batch)])
            is_cube = cubes[seen.labels]
            if is_cube.any():
                break
        sightings = network(batch.image, seen.boxes, seen.masks, batch.intrinsics[seen.image])
        log_depth = median_depth(batch.depth_m, seen).log()
        return sighting_losses(sightings, log_depth, batch.floor[seen.image], is_cube, seen.image)

    return fit(config, network, step_loss, part="yardstick")


def median_depth(depth_m: Tensor, seen: Cutouts) -> Tensor:
    """(N,) median depth [m] in the masks of what was cut out of images with depth (B, H, W)."""
    sampled = roi_align(depth_m[:, None], seen.boxes, (MASK_PX, MASK_PX), sampling_ratio=1)[:, 0]
    return torch.where(seen.masks >= 0.5, sampled, torch.nan).flatten(1).nanmedian(dim=1).values
