"""What all rings share: which tests this machine can run, and that nothing leaves it.

test/unit    no ROS, no torch, seconds
test/models  torch on the CPU, tiny or embedded weights
test/ros     adapters and nodes in process
test/launch  launch files; where launch is installed
test/unity   the C# of the Unity package, compiled and run by Mono; where mcs and mono are installed
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unity_depth_perception.training.data.shards import Shard

# Read by DDS when rclpy starts, so it is set before any test module is imported.
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

# As the nodes have it, and before torch is imported: tests must not depend on an idle machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell starts background jobs with Ctrl-C ignored, and children inherit that; the tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--weights", action="store_true", help="run tests that load published weights (from the hub or its cache)"
    )
    parser.addoption("--long", action="store_true", help="run tests that train networks for a while")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reasons = {}
    if not config.getoption("--weights"):
        reasons["weights"] = "needs published weights: run pytest with --weights"
    if not config.getoption("--long"):
        reasons["long"] = "takes long: run pytest with --long"
    if any(item.get_closest_marker("gpu") for item in items) and not _has_cuda():
        reasons["gpu"] = "needs a CUDA device"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one rendered shard of scenes to train on."""
    import torch  # here and below: test/unit does without

    from unity_depth_perception.training.data.scene_pool import fill

    folder = tmp_path_factory.mktemp("pool")
    threads = torch.get_num_threads()
    fill(folder, 1)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture(scope="session")
def shard(pool: Path) -> Shard:
    """That shard."""
    from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES, ScenePool

    return ScenePool(pool, SHARD_IMAGES).available()[0]


@pytest.fixture
def reduced() -> Iterator[None]:
    """All depth models small for one test, of the same kinds of layers."""
    from random_models import reduce_architectures

    from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS

    registry = pytest.importorskip("depth_anything_3.registry").MODEL_REGISTRY
    architectures, variants = dict(registry), dict(DA2_VARIANTS)
    reduce_architectures()
    yield
    registry.update(architectures)
    DA2_VARIANTS.update(variants)
