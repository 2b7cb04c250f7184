"""The second look's part of `train-segmentation`: what Mask R-CNN finds, and whether and what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import MaskRCNN

from unity_depth_perception.models.second_look import SecondLookNetwork
from unity_depth_perception.training.batches import draw_batch
from unity_depth_perception.training.cutouts import Cutouts, mistaken, objects
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.shards import ShardSource
from unity_depth_perception.training.start import begin_with

_AREA_PX = 384 * 384


def train_second_look(config: TrainingConfig, detector: MaskRCNN, area_px: int = _AREA_PX) -> dict[str, Tensor]:
    """Train from scratch or from `config.start` (or resume) and return the averaged weights.

    Args:
        detector: trained, in evaluation mode, on the training's device.
        area_px: pixels of the images that objects are cut out of.
    """
    torch.manual_seed(config.seed)
    network = SecondLookNetwork(len(config.categories)).to(config.device).to(memory_format=torch.channels_last)
    if config.start is not None:
        begin_with(network, "second_look", config.start, config.categories)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        while True:  # a small batch of a dataset may show nothing
            batch = draw_batch(source.available(), rng, config.batch, area_px, config.device, least_crop=0.6)
            seen = Cutouts.joined([objects(batch, rng, source.least_visible_ratio), mistaken(detector, batch)])
            if len(seen.labels):
                break
        return {"category": functional.cross_entropy(network(batch.image, seen.boxes, seen.masks), seen.labels)}

    return fit(replace(config, start=None), network, step_loss)
