"""The yardstick's part of `train-depth`: cubes cut out of virtual scenes, and what might be taken for one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.models.yardstick import YardstickNetwork, sighting_losses
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.batches import Batch, draw_batch
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.shards import ShardSource
from unity_depth_perception.training.target import jittered, target

_AREA_PX = 384 * 384
_LEAST_PX = 60  # pixels of a cube that is worth looking at


@dataclass(frozen=True)
class Candidates:
    """N objects of a batch, any of which the segmentation may take for a cube.

    Attributes:
        boxes: (N, 5) as roi_align takes them, the image's index first.
        log_depth: (N,) log of the median depth [m].
        is_cube: (N,) bool.
    """

    boxes: Tensor
    log_depth: Tensor
    is_cube: Tensor

    @property
    def image(self) -> Tensor:
        """(N,) int64 index of each object's image."""
        return self.boxes[:, 0].long()


def train_yardstick(config: TrainingConfig) -> dict[str, Tensor]:
    """Train from scratch (or resume) and return the averaged weights."""
    torch.manual_seed(config.seed)
    network = YardstickNetwork().to(config.device).to(memory_format=torch.channels_last)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        while True:  # a small batch may show no cube
            batch = draw_batch(source.available(), rng, config.batch, _AREA_PX, config.device, least_crop=0.7)
            found = candidates(batch, rng)
            if found.is_cube.any():
                break
        sightings = network(batch.image, found.boxes, batch.intrinsics[found.image])
        floor = batch.floor[found.image]
        return sighting_losses(sightings, found.log_depth, floor[:, 3].log(), floor[:, :3], found.is_cube)

    return fit(config, network, step_loss, part="yardstick")


def candidates(batch: Batch, rng: np.random.Generator) -> Candidates:
    """The objects of a batch that are large enough, their boxes a little wrong."""
    cube_labels = torch.tensor([False, *(name.endswith("_cube") for name in CATEGORIES)], device=batch.image.device)
    boxes, depths, is_cube = [], [], []
    for index in range(len(batch.image)):
        found = target(batch, index)
        wrong = jittered(found["boxes"], rng)
        for box, label, mask in zip(wrong, found["labels"], found["masks"], strict=True):
            if int(mask.sum()) >= _LEAST_PX:
                boxes.append(torch.cat([box.new_tensor([index]), box]))
                depths.append(batch.depth_m[index][mask.bool()].median())
                is_cube.append(cube_labels[label])
    if not boxes:
        empty = batch.image.new_zeros(0)
        return Candidates(empty.view(0, 5), empty, empty.bool())
    return Candidates(torch.stack(boxes), torch.stack(depths).log(), torch.stack(is_cube))
