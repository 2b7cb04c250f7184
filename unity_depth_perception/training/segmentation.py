"""`train-segmentation`: the compact Mask R-CNN on virtual Unity."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from unity_depth_perception.models.segmentation_network import compact_mask_rcnn
from unity_depth_perception.synthetic.scene import CATEGORIES, LEAST_VISIBLE_RATIO
from unity_depth_perception.training.batches import Batch, draw_batch
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.pool import ScenePool

_AREAS_PX = ((0.5, 288 * 288), (1.0, 384 * 384))
"""Coarse images first: (until this progress, size of the images)."""


def train_segmentation(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = compact_mask_rcnn(len(CATEGORIES)).to(config.device, memory_format=torch.channels_last)
    network.train()

    def step_loss(pool: ScenePool, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        area = next(area for until, area in _AREAS_PX if progress <= until)
        batch = draw_batch(pool.available(), rng, config.batch, area, config.device, least_crop=0.6)
        losses: dict[str, Tensor] = network(
            list(batch.image), [target(batch, index) for index in range(len(batch.image))]
        )
        return losses

    return fit(config, network, step_loss)


def target(batch: Batch, index: int) -> dict[str, Tensor]:
    """Boxes, labels (1-based) and masks of an image's objects, as torchvision's detection models take them."""
    instances = batch.instances[index]
    counts = torch.bincount(instances.flatten().long(), minlength=batch.category.shape[1] + 1)[1:]
    present = (counts >= max(4, LEAST_VISIBLE_RATIO * instances.numel())).nonzero().squeeze(1)
    masks = instances[None] == (present + 1)[:, None, None]
    boxes = masks_to_boxes(masks).float()
    boxes[:, 2:] += 1  # max exclusive
    return {"boxes": boxes, "labels": batch.category[index, present] + 1, "masks": masks.to(torch.uint8)}
