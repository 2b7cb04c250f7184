"""Fine-tuning on a GPU, without one: on a simulated one, the scale is solved and networks train on the device."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from random_models import estimator_with, random_network
from simulated_gpu import GPU, simulated_gpu
from trainable_laws import CPU, configuration

from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.training.fine_tuning.fine_tune import fine_tune, solve_scale
from unity_depth_perception.training.fine_tuning.trainable import trainable


def estimator_on_gpu(model: str) -> DepthEstimator:
    if model == "compact":
        return create_depth_estimator(model, GPU)
    return estimator_with(random_network(model, CPU), model, GPU, DepthOptions(28, "float32"))


@pytest.mark.parametrize("backbone", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "model", ["da3metric-large", "da2-metric-indoor-small", pytest.param("compact", marks=pytest.mark.long)]
)
def test_fine_tuning_keeps_its_tensors_on_the_device(
    model: str, backbone: bool, reduced: None, folder: Path, tmp_path: Path
) -> None:
    with simulated_gpu():
        tuned = trainable(estimator_on_gpu(model))
        config = configuration(tmp_path, folder, steps=2, device=GPU)
        assert solve_scale(tuned, config) > 0
        fine_tune(tuned, config, backbone=backbone)
        weights = [value for value in tuned.weights()[0].values() if value.is_floating_point()]
        assert all(math.isfinite(float(value.abs().max())) for value in weights)
