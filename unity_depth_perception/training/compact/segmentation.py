"""Training of the compact segmentation: the detector, then the crop classifier."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.training import distributed
from unity_depth_perception.training.compact.crop_classifier import train_crop_classifier
from unity_depth_perception.training.compact.fine_tuned_parts import better_of
from unity_depth_perception.training.engine.config import TrainingConfig, part_config
from unity_depth_perception.training.engine.fit import named_parts
from unity_depth_perception.training.segmentation.mask_rcnn import (
    VIRTUAL_TASK,
    Task,
    load_trained_network,
    train_detector,
)

_CLASSIFIER_BATCH = 8  # images of the crop classifier for each of the detector: crops are cheap


def train_segmentation(config: TrainingConfig, task: Task = VIRTUAL_TASK) -> dict[str, Tensor]:
    """Train a segmentation network and return its EMA weights, those of the best validation.

    The compact one has two networks: the crop classifier is trained after the detector, on the detector's crops, with a
    quarter of the steps and of the time. A start that no training improves is returned.
    """
    if task.network != "compact":
        return train_detector(replace(config, output=config.output / "detector"), task)
    detector = train_detector(part_config(config, "detector", 0.75), task)
    trained = load_trained_network(compact_mask_rcnn(len(config.categories)), detector, config.device)
    classifier_config = part_config(config, "crop_classifier", 0.25)
    classifier_config = replace(classifier_config, batch=_CLASSIFIER_BATCH * config.batch)
    crop_classifier = train_crop_classifier(classifier_config, trained, task.input_px**2)
    state = named_parts({"detector": detector, "crop_classifier": crop_classifier})
    if config.start is None or distributed.rank():
        return state
    return better_of(config.start, state, config, task)
