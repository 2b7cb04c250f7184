"""Depth Anything V2 in miniature: the published kind of network that takes milliseconds, with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
NAME = "da2-metric-indoor-small"
TINY = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)
SIDE_PX = 140


def make_variants_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names stand for a network of the same kind that takes milliseconds."""
    for name, variant in list(DA2_VARIANTS.items()):
        monkeypatch.setitem(DA2_VARIANTS, name, replace(variant, architecture=TINY))


def save_random_weights(path: Path) -> Path:
    """As transformers saves them: the layout of the hub's repositories."""
    torch.manual_seed(0)
    network = DepthAnythingV2Network(TINY).net
    for parameter in network.parameters():  # lively enough that a wrong layer shows
        torch.nn.init.normal_(parameter, std=0.15)
    network.config.max_depth = 20
    network.save_pretrained(path)
    return path


def create(weights: Path, name: str = NAME, **options: object) -> DepthAnythingV2:
    model = create_depth_estimator(
        name, CPU, weights, DepthOptions(size_px=SIDE_PX, **{"precision": "float32"} | options)
    )  # type: ignore[arg-type]
    assert isinstance(model, DepthAnythingV2)
    return model


def picture(width: int, height: int) -> torch.Tensor:
    """(height, width, 3) uint8 with structures of many sizes."""
    rng = np.random.default_rng(width)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    noise = rng.integers(-20, 20, (height, width, 3))
    return torch.from_numpy(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))
