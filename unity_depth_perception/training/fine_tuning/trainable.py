"""Metric depth back ends as `train-depth` sees them: what is trained, what they say of a batch, where scale sits."""

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
    """A back end whose networks can learn; what they learn changes the estimator that it was made of.

    Attributes:
        area_px: size of the images that it learns from.
        least_crop: share of an image's sides that it may be shown; 1 for a network that is not told the camera.
        learning_rate: peak that suits it with a frozen backbone.
    """

    area_px: int
    least_crop: float
    learning_rate: float

    def parts(self, backbone: bool) -> nn.Module:
        """What is trained, unfrozen: everything, or all but the backbone; the rest is frozen."""
        ...

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """What a batch teaches."""
        ...

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """(B, H, W) natural log of the metres that it sees, at the batch's size."""
        ...

    def multiply(self, factor: float) -> None:
        """From now on every depth is `factor` times as large: exactly, by the last layer alone."""
        ...

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Tensors and description from which `models.trained.load_trained` makes the back end."""
        ...


def trainable(estimator: DepthEstimator) -> Trainable:
    """The back end as one that can learn; it should compute in float32, without acceleration.

    Raises:
        ModelError: it is not one of the metric ones that can.
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
