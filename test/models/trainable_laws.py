"""Laws of every trainable depth back end, and helpers of their tests."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.training.data.batches import Batch
from unity_depth_perception.training.data.dataset_shards import DatasetSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.fine_tuning.fine_tune import fine_tune
from unity_depth_perception.training.fine_tuning.trainable import Trainable, trainable

CPU = torch.device("cpu")
EXACT = DepthOptions(size_px=126, precision="float32")

Create = Callable[[], DepthEstimator]


def configuration(tmp_path: Path, folder: Path, **options: Any) -> TrainingConfig:
    samples = UnityDataset(folder)
    source = DatasetSource(tmp_path / "data", samples, range(8), 96 * 96)
    return TrainingConfig(
        **{"output": tmp_path / "run", "pool": tmp_path, "batch": 2, "steps": 6, "learning_rate": 1e-3} | options,
        source=source,
    )


def batch_of(folder: Path, indices: list[int]) -> Batch:
    """Images of a dataset without augmentation."""
    samples = [UnityDataset(folder)[index] for index in indices]
    camera = samples[0].camera
    return Batch(
        image=torch.stack([torch.from_numpy(s.image).permute(2, 0, 1) for s in samples]).float() / 255,
        depth_m=torch.stack([torch.from_numpy(s.depth_m) for s in samples]),
        instances=torch.stack([torch.from_numpy(s.instances.astype(np.int32)) for s in samples]),
        category=torch.zeros(len(samples), 32, dtype=torch.int64),
        intrinsics=torch.tensor([[camera.fx, camera.fy, camera.cx, camera.cy]] * len(samples)),
        floor=torch.full((len(samples), 4), math.nan),
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def predicted_log_depth(model: Trainable, batch: Batch) -> Tensor:
    with torch.no_grad():
        return model.log_depth(batch, rng())


def inferred_m(estimator: DepthEstimator, folder: Path, index: int = 0) -> Tensor:
    sample = UnityDataset(folder)[index]
    with torch.no_grad():
        return estimator.infer(torch.from_numpy(sample.image), sample.camera).depth_m


class TrainableLaws(ABC):
    """Subclasses stand in a module with a fixture `create`, which makes the back end, always with the same weights.

    Attributes:
        agreement: tolerance between the log depth of training and of inference.
    """

    agreement = 0.01

    @abstractmethod
    def modules(self, estimator: Any) -> tuple[nn.Module, ...]:
        """All networks of the back end."""

    def test_training_and_inference_predict_the_same_depth(self, create: Create, folder: Path) -> None:
        estimator = create()
        log_depth = predicted_log_depth(trainable(estimator), batch_of(folder, [0, 1]))
        for index in (0, 1):
            ratio = (log_depth[index].exp() / inferred_m(estimator, folder, index)).log()
            assert abs(float(ratio.median())) < self.agreement

    def test_scale_depth_is_exact(self, create: Create, folder: Path) -> None:
        estimator = create()
        model, batch = trainable(estimator), batch_of(folder, [0])
        before, before_m = predicted_log_depth(model, batch), inferred_m(estimator, folder)
        model.scale_depth(7.0)
        torch.testing.assert_close(predicted_log_depth(model, batch), before + math.log(7.0), rtol=0, atol=1e-5)
        torch.testing.assert_close(inferred_m(estimator, folder), 7 * before_m)

    @pytest.mark.parametrize("backbone", [False, True], ids=["frozen", "whole"])
    def test_only_trained_parameters_get_a_gradient(self, backbone: bool, create: Create, folder: Path) -> None:
        estimator = create()
        model = trainable(estimator)
        parts = model.parts(backbone)
        sum(model.losses(batch_of(folder, [0, 1]), rng()).values()).backward()
        trained = {id(p) for p in parts.parameters()}
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in parts.parameters())
        others = [p for module in self.modules(estimator) for p in module.parameters() if id(p) not in trained]
        assert bool(others) is not backbone
        assert all(p.grad is None for p in others)

    def test_saved_weights_load_by_their_path(self, create: Create, folder: Path, tmp_path: Path) -> None:
        estimator = create()
        model = trainable(estimator)
        model.scale_depth(3.0)
        path = tmp_path / "out" / "depth.safetensors"
        save_weights(path, *model.weights())
        loaded = create_depth_estimator(str(path), CPU, options=EXACT)
        assert type(loaded) is type(estimator)
        assert loaded.name == str(path)
        ratio = inferred_m(loaded, folder) / inferred_m(estimator, folder)
        assert float((ratio - 1).abs().max()) < 0.02  # matrices are stored in 16 bits
        again = trainable(loaded).weights()[1]  # and can be trained further
        assert again == model.weights()[1]

    def test_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(
        self, create: Create, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def train(output: str, stop_at: int = 0) -> dict[str, Tensor]:
            model = trainable(create())
            calls, losses = 0, model.losses

            def interrupted(batch: Batch, draws: np.random.Generator) -> dict[str, Tensor]:
                nonlocal calls
                calls += 1
                if calls == stop_at:
                    raise KeyboardInterrupt
                return losses(batch, draws)

            monkeypatch.setattr(model, "losses", interrupted)
            fine_tune(model, configuration(tmp_path, folder, output=tmp_path / output, steps=4), backbone=False)
            return {key: value.clone() for key, value in model.weights()[0].items()}

        whole = train("whole")
        with pytest.raises(KeyboardInterrupt):
            train("parts", stop_at=3)
        resumed = train("parts")
        start = trainable(create()).weights()[0]
        assert any(not torch.equal(value, start[key]) for key, value in whole.items())
        for key, value in whole.items():
            assert torch.equal(value, resumed[key]), key
