"""Fine-tuning of Depth Anything V2, which takes no camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from trainable_laws import CPU, EXACT, Create, TrainableLaws, batch_of, configuration, predicted_log_depth

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.fine_tuning.fine_tune import fine_tune
from unity_depth_perception.training.fine_tuning.silog import silog
from unity_depth_perception.training.fine_tuning.trainable import trainable

NAME = "da2-metric-indoor-small"
TINY = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)


@pytest.fixture
def create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Create:
    """A network of the same kind that takes milliseconds, with random weights."""
    pytest.importorskip("transformers")
    from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network

    monkeypatch.setitem(DA2_VARIANTS, NAME, replace(DA2_VARIANTS[NAME], architecture=TINY))
    path = tmp_path / f"{NAME}.safetensors"

    def make() -> DepthEstimator:
        torch.manual_seed(0)
        state = DepthAnythingV2Network(TINY).net.state_dict()
        save_file({key: value.clone() for key, value in state.items()}, path)
        return create_depth_estimator(NAME, CPU, path, EXACT)

    return make


class TestDepthAnythingV2(TrainableLaws):
    def modules(self, estimator: Any) -> tuple[nn.Module, ...]:
        return (estimator.network,)


def test_depth_does_not_depend_on_the_focal_length(create: Create, folder: Path) -> None:
    model, batch = trainable(create()), batch_of(folder, [0])
    longer = replace(batch, intrinsics=batch.intrinsics * batch.intrinsics.new_tensor([2.0, 2.0, 1.0, 1.0]))
    change = predicted_log_depth(model, longer) - predicted_log_depth(model, batch)
    torch.testing.assert_close(change, torch.full_like(change, 0.0), rtol=0, atol=1e-5)


def test_fine_tuning_lowers_the_loss(create: Create, folder: Path, tmp_path: Path) -> None:
    model, batch = trainable(create()), batch_of(folder, [0, 1, 2, 3])
    before = silog(predicted_log_depth(model, batch), batch.depth_m)
    fine_tune(model, configuration(tmp_path, folder, steps=20, batch=4, learning_rate=1e-2), backbone=False)
    assert silog(predicted_log_depth(model, batch), batch.depth_m) < 0.8 * before


def test_fine_tuning_keeps_initial_weights_when_validation_does_not_improve(
    create: Create, folder: Path, tmp_path: Path
) -> None:
    model = trainable(create())
    start = {key: value.clone() for key, value in model.weights()[0].items()}
    errors = iter(range(1, 100))

    def worsening() -> DepthMetrics:
        return DepthMetrics(float(next(errors)), *[1.0] * 8, pixel_count=1)

    fine_tune(model, configuration(tmp_path, folder, steps=2), backbone=False, measure=worsening)
    assert next(errors) > 2
    for key, value in model.weights()[0].items():
        assert torch.equal(value, start[key]), key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": {"layers": 3}}, "do not describe a network of Depth Anything V2"),
        ({"kind": "da3-metric", "network": "da3-small"}, "expected weights of da3metric-large.*'da3-small'"),
        ({"max_depth_m": "far"}, "do not describe"),
    ],
)
def test_loading_refuses_a_file_with_a_wrong_description(
    change: dict[str, Any], message: str, create: Create, tmp_path: Path
) -> None:
    state, description = trainable(create()).weights()
    save_weights(tmp_path / "odd.safetensors", state, description | change)
    with pytest.raises(ModelError, match=message):
        create_depth_estimator(str(tmp_path / "odd.safetensors"), CPU)
