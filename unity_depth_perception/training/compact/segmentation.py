"""Training of the compact segmentation: the detector, then the crop classifier."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.training.compact.crop_classifier import train_crop_classifier
from unity_depth_perception.training.engine.config import TrainingConfig, part_config
from unity_depth_perception.training.engine.fit import named_parts
from unity_depth_perception.training.segmentation.mask_rcnn import (
    VIRTUAL_TASK,
    Task,
    load_trained_network,
    train_detector,
)

_LOOKS = 8  # images of the second look for each of Mask R-CNN: objects cut out are cheap


def train_segmentation(config: TrainingConfig, task: Task = VIRTUAL_TASK) -> dict[str, Tensor]:
    """Train a network; the averaged weights, those that were judged the best.

    The compact one has a second look, trained after Mask R-CNN, on what that finds. It learns faster: it gets a fourth
    of the steps and of the time.
    """
    if task.network != "compact":
        return train_detector(replace(config, output=config.output / "detector"), task)
    detector = train_detector(part_config(config, "detector", 0.75), task)
    finder = load_trained_network(compact_mask_rcnn(len(config.categories)), detector, config.device)
    looks = _with_more_images(part_config(config, "crop_classifier", 0.25))
    crop_classifier = train_crop_classifier(looks, finder, task.input_px**2)
    return named_parts({"detector": detector, "crop_classifier": crop_classifier})


def _with_more_images(config: TrainingConfig) -> TrainingConfig:
    return replace(config, batch=_LOOKS * config.batch)
