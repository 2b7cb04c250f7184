"""The pool of rendered scenes that trainings draw from."""

import os
from pathlib import Path

import numpy as np
import pytest

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES, ScenePool, fill
from unity_depth_perception.training.data.shards import Shard


def test_pool_renders_reserved_seeds_and_reuses_shards(pool: Path, shard: Shard) -> None:
    before = shard.image.copy()
    fill(pool, 1)  # nothing is missing
    assert np.array_equal(ScenePool(pool, SHARD_IMAGES).available()[0].image, before)
    assert len(shard.image) == SHARD_IMAGES


@pytest.mark.long
def test_pool_renders_with_several_processes_on_many_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    pool = ScenePool(tmp_path, 2 * SHARD_IMAGES)
    try:
        assert len(pool._workers) == 2  # no more than there are shards
        pool.wait(2)
        assert [len(shard.image) for shard in pool.available()] == [SHARD_IMAGES] * 2
    finally:
        pool.close()
    assert not any(worker.is_alive() for worker in pool._workers)
    assert ScenePool(tmp_path, 2 * SHARD_IMAGES)._workers == []


def test_pool_refuses_fewer_images_than_a_shard(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 images"):
        ScenePool(tmp_path, 3)
