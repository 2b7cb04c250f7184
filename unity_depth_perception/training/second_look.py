"""The second look's part of `train-segmentation`: objects cut out of virtual scenes, and their categories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from unity_depth_perception.models.second_look import MASK_PX, SecondLookNetwork
from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.batches import Batch, draw_batch
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.shards import ShardSource
from unity_depth_perception.training.start import begin_with
from unity_depth_perception.training.target import jittered, target

_AREA_PX = 384 * 384


def train_second_look(config: TrainingConfig, area_px: int = _AREA_PX) -> dict[str, Tensor]:
    """Train from scratch or from `config.start` (or resume) and return the averaged weights.

    Args:
        area_px: pixels of the images that objects are cut out of.
    """
    torch.manual_seed(config.seed)
    network = SecondLookNetwork(len(config.categories)).to(config.device).to(memory_format=torch.channels_last)
    if config.start is not None:
        begin_with(network, "second_look", config.start, config.categories)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        while True:  # a small batch of a dataset may show no object
            batch = draw_batch(source.available(), rng, config.batch, area_px, config.device, least_crop=0.6)
            boxes, masks, labels = objects(batch, rng, source.least_visible_ratio)
            if len(labels):
                break
        return {"category": functional.cross_entropy(network(batch.image, boxes, masks), labels)}

    return fit(replace(config, start=None), network, step_loss)


def objects(
    batch: Batch, rng: np.random.Generator, least_ratio: float = LEAST_VISIBLE_RATIO
) -> tuple[Tensor, Tensor, Tensor]:
    """N objects of a batch: boxes (N, 5), the image's index first and a little wrong, masks in them, labels (N,)."""
    boxes, masks, labels = [], [], []
    for index in range(len(batch.image)):
        found = target(batch, index, least_ratio)
        wrong = jittered(found["boxes"], rng)
        count = len(wrong)
        boxes.append(torch.cat([wrong.new_full((count, 1), index), wrong], dim=1))
        numbered = torch.cat([torch.arange(count, device=wrong.device)[:, None], wrong], dim=1)
        masks.append(roi_align(found["masks"][:, None].float(), numbered, (MASK_PX, MASK_PX), sampling_ratio=2)[:, 0])
        labels.append(found["labels"] - 1)
    return torch.cat(boxes), torch.cat(masks), torch.cat(labels)
