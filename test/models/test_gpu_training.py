"""Rendering and training on a GPU, without one: on a simulated one devices never mix, and scenes look the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from simulated_gpu import GPU, simulated_gpu
from torch import Tensor

from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.training.compact.depth_network import train_depth
from unity_depth_perception.training.compact.segmentation import train_segmentation
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES
from unity_depth_perception.training.engine.config import TrainingConfig

Train = Callable[[TrainingConfig], dict[str, Tensor]]


def test_scenes_are_rendered_on_the_device_as_on_a_cpu() -> None:
    scenes = [random_scene(seed, 96, 72) for seed in (920_000_000, 920_000_001)]
    exact = render(scenes)
    with simulated_gpu():
        found = render(scenes, GPU)
        assert found.image.device == found.depth_m.device == GPU
        assert torch.equal(found.image.cpu(), exact.image)
        assert torch.equal(found.boxes.cpu(), exact.boxes)
        torch.testing.assert_close(found.depth_m.cpu(), exact.depth_m)


@pytest.mark.parametrize("train", [train_depth, pytest.param(train_segmentation, marks=pytest.mark.long)])
def test_trainings_keep_their_tensors_on_the_device(train: Train, pool: Path, tmp_path: Path) -> None:
    with simulated_gpu():
        config = TrainingConfig(output=tmp_path, pool=pool, images=SHARD_IMAGES, steps=2, batch=2, device=GPU)
        state = train(config)
        assert all(torch.isfinite(value.float()).all() for value in state.values())
    lines = [line for log in tmp_path.rglob("log.jsonl") for line in log.read_text(encoding="utf-8").splitlines()]
    assert lines
    assert all(math.isfinite(value) for line in lines for value in json.loads(line).values())
