"""Fine-tuning of the compact depth back end, whose scale comes from cubes of known size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trainable_laws import CPU, Create, TrainableLaws, batch_of, configuration, inferred_m, predicted_log_depth

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.fine_tuning import fine_tune as fine_tuning
from unity_depth_perception.training.fine_tuning.fine_tune import ValidationImages, align_scale, solve_scale, validate
from unity_depth_perception.training.fine_tuning.trainable import trainable


@pytest.fixture
def create() -> Create:
    """With the embedded weights."""
    return lambda: create_depth_estimator("compact", CPU)


class TestCompact(TrainableLaws):
    agreement = 0.1  # box jitter in training

    def modules(self, estimator: Any) -> tuple[nn.Module, ...]:
        return estimator.networks.dense, estimator.cube_scale


def test_depth_grows_with_the_focal_length(create: Create, folder: Path) -> None:
    model, batch = trainable(create()), batch_of(folder, [0])
    longer = replace(batch, intrinsics=batch.intrinsics * batch.intrinsics.new_tensor([2.0, 2.0, 1.0, 1.0]))
    change = predicted_log_depth(model, longer) - predicted_log_depth(model, batch)
    assert 0.4 < float(change.median()) < 1.0  # a cube of as many pixels is twice as far; its tilt is read differently


def test_align_scale_finds_the_size_of_other_cubes(folder: Path, edge_m: float, tmp_path: Path) -> None:
    estimator = create_depth_estimator("compact", CPU)
    config = configuration(tmp_path, folder)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    baseline = align_scale(estimator, trainable(estimator), config, validation_images, "compact", False)
    assert baseline.factor == pytest.approx(edge_m / 0.07, rel=0.15)  # images of 96 px
    assert baseline.before.abs_rel > 0.8
    assert baseline.scaled.abs_rel < 0.25
    fresh = create_depth_estimator("compact", CPU)
    again = align_scale(fresh, trainable(fresh), config, validation_images, "compact", False)
    assert again == baseline  # read from the file
    assert torch.equal(inferred_m(fresh, folder), inferred_m(estimator, folder))
    with pytest.raises(ConfigurationError, match="started here from compact with its backbone frozen"):
        align_scale(fresh, trainable(fresh), config, validation_images, "compact", True)


def test_align_scale_keeps_the_scale_when_validation_does_not_improve(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "solve_scale", lambda model, config: 0.5)  # away from the truth
    estimator = create_depth_estimator("compact", CPU)
    before = inferred_m(estimator, folder)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    baseline = align_scale(
        estimator, trainable(estimator), configuration(tmp_path, folder), validation_images, "compact", False
    )
    assert baseline.factor == 1
    assert baseline.scaled == baseline.before
    assert torch.equal(inferred_m(estimator, folder), before)


def test_scaled_error_is_that_of_the_scaled_model(folder: Path, tmp_path: Path) -> None:
    estimator = create_depth_estimator("compact", CPU)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    baseline = align_scale(
        estimator, trainable(estimator), configuration(tmp_path, folder), validation_images, "compact", False
    )
    assert validate(estimator, validation_images).abs_rel == pytest.approx(baseline.scaled.abs_rel, rel=1e-4)


def test_solve_scale_refuses_a_source_without_true_depth(folder: Path, tmp_path: Path) -> None:
    config = configuration(tmp_path, folder)
    assert config.source is not None
    (shard,) = config.source.available()
    blind = replace(shard, depth_m=np.full_like(shard.depth_m, np.nan))
    config.source.available = lambda: [blind]  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match="none of those drawn has a valid pixel"):
        solve_scale(trainable(create_depth_estimator("compact", CPU)), config)
