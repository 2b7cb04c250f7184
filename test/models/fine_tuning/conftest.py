"""Dataset for the tests of fine-tuning: cubes of another size than the embedded network knows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.scene import CATEGORIES

pytest.register_assert_rewrite("trainable_laws")

_FOV_RAD = math.radians(60)


@pytest.fixture(scope="session")
def edge_m() -> float:
    """Edge of the dataset's cubes [m]; the embedded network was trained on 0.07."""
    return 0.5


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, edge_m: float) -> Path:
    """A dataset of ten images."""
    path = tmp_path_factory.mktemp("dataset")
    camera = Camera.from_vertical_fov(_FOV_RAD, 96, 96)
    samples = render_samples(range(10), 96, 96, _FOV_RAD, edge_m=edge_m)
    with DatasetWriter(path, camera, categories=CATEGORIES) as writer:
        for index, sample in enumerate(samples):
            writer.add(replace(sample, name=f"{index:05d}.png"))
    return path
