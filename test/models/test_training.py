"""Trainings: an interrupted one resumes as if uninterrupted; each network trains, from given weights too."""

from pathlib import Path

import pytest
import torch
from tiny_training import noisy_steps
from torch import Tensor, nn

from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
from unity_depth_perception.models.compact.depth_networks import CompactDepthNetworks
from unity_depth_perception.training.compact.depth_network import train_depth
from unity_depth_perception.training.compact.segmentation import train_segmentation
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))


def test_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(pool: Path, tmp_path: Path) -> None:
    def train(output: str, stop_at: int | None = None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        network = Tiny()
        config = TrainingConfig(output=tmp_path / output, pool=pool, images=SHARD_IMAGES, steps=12)
        return fit(config, network, noisy_steps(network.layer, stop_at))

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("parts", stop_at=6)
    resumed = train("parts")
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_depth_training_runs_a_few_steps(pool: Path, tmp_path: Path) -> None:
    state = train_depth(
        TrainingConfig(output=tmp_path, pool=pool, images=SHARD_IMAGES, steps=10, batch=4, learning_rate=2e-3)
    )
    assert all(torch.isfinite(value).all() for value in state.values())
    for part in ("cube_scale", "dense", "open", "sky_gate"):
        assert (tmp_path / part / "checkpoint.pt").exists()


def test_segmentation_training_runs_a_few_steps(pool: Path, tmp_path: Path) -> None:
    state = train_segmentation(TrainingConfig(output=tmp_path, pool=pool, images=SHARD_IMAGES, steps=2, batch=2))
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())


def test_depth_training_starts_from_given_weights(pool: Path, tmp_path: Path) -> None:
    """With a tiny learning rate the weights stay as given."""
    torch.manual_seed(5)
    given = CompactDepthNetworks().state_dict()
    save_weights(tmp_path / "given.safetensors", given, {"kind": "compact-depth"})
    config = TrainingConfig(
        output=tmp_path / "run",
        pool=pool,
        images=SHARD_IMAGES,
        steps=1,
        batch=2,
        learning_rate=1e-12,
        start=tmp_path / "given.safetensors",
    )
    state = train_depth(config)
    for name in ("dense.stem.0.weight", "open.stem.0.weight", "cube_scale.head.weight", "sky_gate.embed.weight"):
        assert torch.allclose(state[name], given[name], atol=1e-3)
