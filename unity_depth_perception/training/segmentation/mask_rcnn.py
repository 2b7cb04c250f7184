"""`train-segmentation`: Mask R-CNN on virtual Unity or on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN

from unity_depth_perception.dataset.sample import SampleSource
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation
from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.mask_rcnn.segmenter import MaskRcnnSegmenter, torchvision_mask_rcnn
from unity_depth_perception.training.data.batches import draw_batch
from unity_depth_perception.training.data.detection_targets import detection_targets
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit, low_precision
from unity_depth_perception.training.engine.validation import State, Validation
from unity_depth_perception.training.segmentation.initial_weights import load_matching
from unity_depth_perception.training.segmentation.report import predict_beside_truth

_SIDES = ((0.5, 0.75), (1.0, 1.0))
"""Curriculum of image sizes: (until this progress, side of the images relative to `Task.training_px`)."""
_CROP_SCALE = 384 / 560  # of crops of 60 to 100 % of an image's sides: objects are as large as at inference
_MAX_VALIDATION_IMAGES = 50  # of each validation during the training


@dataclass(frozen=True)
class Task:
    """Network to train, and images to validate it on.

    Attributes:
        network: compact, mobilenet_v3_large or resnet50_fpn_v2.
        input_px: side of a square with the area of the input images [px].
        samples: source of the validation images; None: no validation during the training.
        validation: indices of those images.
        patience: see `Validation`.
    """

    network: str = "compact"
    input_px: int = 640
    samples: SampleSource | None = None
    validation: Sequence[int] = ()
    patience: int = 6

    @property
    def training_px(self) -> int:
        """Side of a square with the area of the training crops [px]."""
        return round(self.input_px * _CROP_SCALE)


VIRTUAL_TASK = Task()


def train_detector(config: TrainingConfig, task: Task = VIRTUAL_TASK) -> dict[str, Tensor]:
    """Train Mask R-CNN from scratch or from `config.start` (or resume) and return the EMA weights."""
    torch.manual_seed(config.seed)
    network = _build(task.network, len(config.categories))
    network = network.to(config.device, memory_format=torch.channels_last)
    if config.start is not None:
        load_matching(network, "detector", config.start, config.categories)
    network.train()

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        side = task.training_px * next(part for until, part in _SIDES if progress <= until)
        batch = draw_batch(source.available(), rng, config.batch, round(side**2), config.device, least_crop=0.6)
        targets = [detection_targets(batch, index, source.least_visible_ratio) for index in range(len(batch.image))]
        with low_precision(config.device):
            losses: dict[str, Tensor] = network(list(batch.image), targets)
        return losses

    return fit(replace(config, start=None), network, step_loss, validation=_validation(config, task))


def _build(network: str, class_count: int) -> MaskRCNN:
    return compact_mask_rcnn(class_count) if network == "compact" else torchvision_mask_rcnn(network, class_count)


def load_trained_network(network: MaskRCNN, state: State, device: torch.device) -> MaskRCNN:
    """Load trained weights into a network and return it on the device, in evaluation mode."""
    network.load_state_dict(state)
    return network.to(device, memory_format=torch.channels_last).eval()


def _validation(config: TrainingConfig, task: Task) -> Validation | None:
    """Average precision on the first validation images, with the categories of the box head."""
    samples = task.samples
    if samples is None:
        return None

    def measure(state: State) -> dict[str, float]:
        network = load_trained_network(_build(task.network, len(config.categories)), state, config.device)
        segmenter = MaskRcnnSegmenter("", network, config.categories, task.input_px**2)
        evaluation = CocoEvaluation()
        for index in task.validation[:_MAX_VALIDATION_IMAGES]:
            predicted, truth = predict_beside_truth(segmenter, samples[index])
            evaluation.add(predicted, truth.segmentation)
        scores = evaluation.scores()
        return {"mask AP": scores.mask_ap, "mask AP50": scores.mask_ap50, "box AP": scores.box_ap}

    return Validation(measure, patience=task.patience)
