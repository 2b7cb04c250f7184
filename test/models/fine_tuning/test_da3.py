"""Fine-tuning of Depth Anything 3 metric, whose depth is proportional to the focal length."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from trainable_laws import CPU, EXACT, Create, TrainableLaws, batch_of, predicted_log_depth, rng

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.depth_anything_3 import estimator as da3
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.fine_tuning.trainable import trainable

NAME = "da3metric-large"


def _small_da3(architecture: str, gaussians: bool = False) -> Any:
    cfg = pytest.importorskip("depth_anything_3.cfg")
    from depth_anything_3.registry import MODEL_REGISTRY
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(cfg.load_config(MODEL_REGISTRY[architecture]), resolve=True)
    config["net"] |= {"name": "vits", "out_layers": [2, 5, 8, 11]}
    config["head"] |= {"dim_in": 384, "features": 16, "out_channels": [8, 16, 32, 32]}
    return cfg.create_object(OmegaConf.create(config)).eval().requires_grad_(False)


@pytest.fixture
def create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Create:
    """A small network of the same kind with random weights, which predicts no sky."""
    monkeypatch.setattr(da3, "build_network", _small_da3)
    monkeypatch.setattr("unity_depth_perception.models.depth_anything_3.network.build_network", _small_da3)
    path = tmp_path / f"{NAME}.safetensors"

    def make() -> DepthEstimator:
        torch.manual_seed(0)
        state = {f"model.{key}": value for key, value in _small_da3(NAME).state_dict().items()}
        state["model.head.scratch.sky_output_conv2.2.bias"] -= 1
        save_file({key: value.clone() for key, value in state.items()}, path)
        return create_depth_estimator(NAME, CPU, path, EXACT)

    return make


class TestDepthAnything3Metric(TrainableLaws):
    def modules(self, estimator: Any) -> tuple[nn.Module, ...]:
        return (estimator.network,)


def test_depth_is_proportional_to_the_focal_length(create: Create, folder: Path) -> None:
    model, batch = trainable(create()), batch_of(folder, [0])
    longer = replace(batch, intrinsics=batch.intrinsics * batch.intrinsics.new_tensor([2.0, 2.0, 1.0, 1.0]))
    change = predicted_log_depth(model, longer) - predicted_log_depth(model, batch)
    torch.testing.assert_close(change, torch.full_like(change, math.log(2)), rtol=0, atol=1e-5)


def test_sky_loss_follows_the_infinite_true_depth(create: Create, folder: Path) -> None:
    model = trainable(create())
    batch = batch_of(folder, [0])
    depth_m = batch.depth_m.clone()
    depth_m[:, :48] = math.inf
    without = model.losses(batch, rng())["sky"]
    half = model.losses(replace(batch, depth_m=depth_m), rng())["sky"]
    unknown = model.losses(replace(batch, depth_m=torch.full_like(depth_m, math.nan)), rng())["sky"]
    assert without.item() == pytest.approx(0)  # predicted and true: no sky
    assert half.item() == pytest.approx(0.05)
    assert unknown == 0


def test_trainable_refuses_a_relative_depth_model() -> None:
    with pytest.raises(ModelError, match=r"expected a metric model.*got da3-small"):
        trainable(da3.AnyViewDepth("da3-small", CPU, lambda image: image, EXACT))  # type: ignore[arg-type]
