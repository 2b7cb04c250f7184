"""`train-segmentation`: the compact Mask R-CNN on virtual Unity."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.models.segmentation_network import compact_mask_rcnn
from unity_depth_perception.training.batches import draw_batch
from unity_depth_perception.training.loop import TrainingConfig, fit, fit_parts
from unity_depth_perception.training.second_look import train_second_look
from unity_depth_perception.training.shards import ShardSource
from unity_depth_perception.training.target import target

_AREAS_PX = ((0.5, 288 * 288), (1.0, 384 * 384))
"""Coarse images first: (until this progress, size of the images)."""


def train_segmentation(config: TrainingConfig) -> dict[str, Tensor]:
    """Train Mask R-CNN and the second look, one after the other; the averaged weights of both.

    The second look learns faster: it gets a fourth of the steps and of the time.
    """
    return fit_parts(config, {"detector": (0.75, train_detector), "second_look": (0.25, train_second_look)})


def train_detector(config: TrainingConfig) -> dict[str, Tensor]:
    """Train Mask R-CNN from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = compact_mask_rcnn(len(config.categories)).to(config.device, memory_format=torch.channels_last)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        area = next(area for until, area in _AREAS_PX if progress <= until)
        batch = draw_batch(source.available(), rng, config.batch, area, config.device, least_crop=0.6)
        losses: dict[str, Tensor] = network(
            list(batch.image), [target(batch, index, source.least_visible_ratio) for index in range(len(batch.image))]
        )
        return losses

    return fit(config, network, step_loss, part="detector")
