"""Training of the crop classifier, the second stage of the compact segmentation: category or false alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import MaskRCNN

from unity_depth_perception.models.compact.crop_classifier import CropClassifier
from unity_depth_perception.training.compact.proposals import CropMiner, draw_crops, draw_gravity
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit, low_precision
from unity_depth_perception.training.segmentation.initial_weights import load_matching


def train_crop_classifier(config: TrainingConfig, detector: MaskRCNN, area_px: int) -> dict[str, Tensor]:
    """Train from scratch or from `config.start` (or resume) and return the EMA weights.

    Args:
        detector: trained, in evaluation mode, on the training's device.
        area_px: size of the detector's input images.
    """
    torch.manual_seed(config.seed)
    network = CropClassifier(len(config.categories)).to(config.device).to(memory_format=torch.channels_last)
    if config.start is not None:
        load_matching(network, "crop_classifier", config.start, config.categories)
    network.train()
    miner: CropMiner | None = None

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        nonlocal miner
        miner = miner or CropMiner(detector, area_px, source.least_visible_ratio, config.device)
        while True:  # a small batch of a dataset may have no crops
            batch = draw_crops(source.available(), miner, rng, config.batch)
            if len(batch.labels) > 1:
                break
        with low_precision(config.device):
            logits = network(batch.crops, batch.size, batch.intrinsics, draw_gravity(batch, config.batch))
        return {"category": functional.cross_entropy(logits.float(), batch.labels)}

    return fit(replace(config, start=None), network, step_loss)
