"""train-depth from the embedded network, whose metres come from the cubes that it sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trainable_laws import CPU, Create, TunableLaws, batch_of, configuration, inferred, looked_at

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.fine_tuning import fine_tune as fine_tuning
from unity_depth_perception.training.fine_tuning.fine_tune import ValidationImages, prepare, solve_scale, validate
from unity_depth_perception.training.fine_tuning.trainable import trainable


@pytest.fixture
def create() -> Create:
    """As it ships."""
    return lambda: create_depth_estimator("compact", CPU)


class TestCompact(TunableLaws):
    agreement = 0.1  # jitter_boxes boxes of objects

    def modules(self, estimator: Any) -> tuple[nn.Module, ...]:
        return estimator.network, estimator.cube_scale


def test_a_longer_focal_length_moves_all_farther(create: Create, folder: Path) -> None:
    model, batch = trainable(create()), batch_of(folder, [0])
    longer = replace(batch, intrinsics=batch.intrinsics * batch.intrinsics.new_tensor([2.0, 2.0, 1.0, 1.0]))
    change = looked_at(model, longer) - looked_at(model, batch)
    assert 0.4 < float(change.median()) < 1.0  # a cube of as many pixels is twice as far; its tilt is read differently


def test_the_scale_of_another_prefab_is_found_in_closed_form(folder: Path, edge_m: float, tmp_path: Path) -> None:
    estimator = create_depth_estimator("compact", CPU)
    config = configuration(tmp_path, folder)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    measured = prepare(estimator, trainable(estimator), config, validation_images, "compact", False)
    assert measured.factor == pytest.approx(edge_m / 0.07, rel=0.15)  # images of 96 px
    assert measured.before.abs_rel > 0.8
    assert measured.scaled.abs_rel < 0.25
    fresh = create_depth_estimator("compact", CPU)
    assert (
        prepare(fresh, trainable(fresh), config, validation_images, "compact", False) == measured
    )  # read, not measured again
    assert torch.equal(inferred(fresh, folder), inferred(estimator, folder))
    with pytest.raises(ConfigurationError, match="started here from compact with its backbone frozen"):
        prepare(fresh, trainable(fresh), config, validation_images, "compact", True)


def test_a_scale_that_is_worse_for_the_judges_is_not_taken(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "solve_scale", lambda model, config: 0.5)  # away from the truth
    estimator = create_depth_estimator("compact", CPU)
    before = inferred(estimator, folder)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    measured = prepare(
        estimator, trainable(estimator), configuration(tmp_path, folder), validation_images, "compact", False
    )
    assert measured.factor == 1
    assert measured.scaled == measured.before
    assert torch.equal(inferred(estimator, folder), before)


def test_the_scaled_error_is_that_of_the_scaled_model(folder: Path, tmp_path: Path) -> None:
    estimator = create_depth_estimator("compact", CPU)
    validation_images = ValidationImages(UnityDataset(folder), [8, 9])
    measured = prepare(
        estimator, trainable(estimator), configuration(tmp_path, folder), validation_images, "compact", False
    )
    assert validate(estimator, validation_images).abs_rel == pytest.approx(measured.scaled.abs_rel, rel=1e-4)


def test_without_any_true_depth_there_is_no_scale(folder: Path, tmp_path: Path) -> None:
    config = configuration(tmp_path, folder)
    assert config.source is not None
    (shard,) = config.source.available()
    blind = replace(shard, depth_m=np.full_like(shard.depth_m, np.nan))
    config.source.available = lambda: [blind]  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match="none has a known pixel"):
        solve_scale(trainable(create_depth_estimator("compact", CPU)), config)
