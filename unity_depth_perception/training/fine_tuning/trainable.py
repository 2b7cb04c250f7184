"""Trainable depth back ends: trained modules, losses and log depth of a batch, exact rescaling, weights to save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_3.estimator import MetricDepth
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.training.data.batches import Batch
from unity_depth_perception.training.fine_tuning.trainable_compact import TrainableCompact
from unity_depth_perception.training.fine_tuning.trainable_depth_anything import TrainableDa2, TrainableDa3


class Trainable(Protocol):
    """Wrapper that trains a depth back end in place.

    Attributes:
        area_px: area of the training images.
        least_crop: least side of random crops, relative to the image's; 1 (no crops) if the network ignores the camera.
        learning_rate: default peak, with a frozen backbone.
    """

    area_px: int
    least_crop: float
    learning_rate: float

    def parts(self, backbone: bool) -> nn.Module:
        """Unfreeze and return the trained modules, with the backbone or without; freeze the others."""
        ...

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Named losses of a batch."""
        ...

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Natural log of the predicted depth in metres, (B, H, W) at the batch's size."""
        ...

    def scale_depth(self, factor: float) -> None:
        """Multiply every later prediction by `factor`, exactly, in the last layer."""
        ...

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Tensors and description from which `models.fine_tuned.load_fine_tuned` makes the back end."""
        ...


def trainable(estimator: DepthEstimator) -> Trainable:
    """Wrap a back end for training; it should run in float32, without acceleration.

    Raises:
        ModelError: it is not a metric model, or one that cannot be trained.
    """
    if isinstance(estimator, CompactDepth):
        return TrainableCompact(estimator)
    if isinstance(estimator, DepthAnythingV2):
        return TrainableDa2(estimator)
    if isinstance(estimator, MetricDepth):
        return TrainableDa3(estimator)
    raise ModelError(
        f"expected a metric model that train-depth can start from: compact, da2-metric-..., da3metric-large, or a "
        f".safetensors file of train-depth; got {estimator.name}"
    )
