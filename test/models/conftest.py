"""What several tests of trainings draw from."""

from pathlib import Path

import pytest
import torch

from unity_depth_perception.training.pool import SHARD_IMAGES, ScenePool, fill
from unity_depth_perception.training.shards import Shard


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one rendered shard."""
    folder = tmp_path_factory.mktemp("pool")
    threads = torch.get_num_threads()
    fill(folder, 1)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture(scope="session")
def shard(pool: Path) -> Shard:
    """That shard."""
    return ScenePool(pool, SHARD_IMAGES).available()[0]
