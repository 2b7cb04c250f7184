"""Weight files of version 0.1: their tensors have other names and load into today's networks all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from unity_depth_perception.models.checkpoints.safetensors_file import load_description, load_weights, save_weights
from unity_depth_perception.models.compact.crop_classifier import CropClassifier
from unity_depth_perception.models.compact.cube_scale import CubeScaleNetwork
from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.compact.segmentation import CompactSegmenter
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.training.segmentation.initial_weights import load_matching, require_segmentation_weights

CPU = torch.device("cpu")
CATEGORIES = ("red_cube", "red_parallelepiped")
OLD_NAMES = (
    ("crop_classifier.encoder.convolutions.", "second_look.encoder.look."),
    ("crop_classifier.encoder.context.", "second_look.encoder.company."),
    ("crop_classifier.", "second_look."),
    ("cube_scale.encoder.convolutions.", "yardstick.encoder.look."),
    ("cube_scale.encoder.context.", "yardstick.encoder.company."),
    ("cube_scale.", "yardstick."),
)
TRAINING = {"images": 100, "dense_steps": 3, "yardstick_steps": 2, "detector_steps": 4, "second_look_steps": 1}
DEPTH = {"kind": "compact-depth", "training": TRAINING}
SEGMENTATION = {"kind": "compact-segmentation", "categories": list(CATEGORIES), "training": TRAINING}


def old_name(name: str) -> str:
    for today, old in OLD_NAMES:
        if name.startswith(today):
            return old + name.removeprefix(today)
    return name


def random_networks(kind: str) -> nn.ModuleDict:
    """Today's networks, their weights rounded to float16 as files store them."""
    torch.manual_seed(0)
    if kind == "compact-depth":
        networks = nn.ModuleDict({"dense": CompactDepthNetwork(), "cube_scale": CubeScaleNetwork()})
    else:
        count = len(CATEGORIES)
        networks = nn.ModuleDict({"detector": compact_mask_rcnn(count), "crop_classifier": CropClassifier(count)})
    networks.load_state_dict({name: value.half().to(value.dtype) for name, value in networks.state_dict().items()})
    return networks


def old_file(folder: Path, description: dict[str, Any]) -> tuple[Path, dict[str, Tensor]]:
    """A file as version 0.1 wrote it, and its tensors under today's names."""
    state = random_networks(description["kind"]).state_dict()
    path = folder / "old.safetensors"
    save_weights(path, {old_name(name): value for name, value in state.items()}, description)
    return path, state


@pytest.mark.parametrize("description", [DEPTH, SEGMENTATION], ids=["depth", "segmentation"])
def test_tensors_of_old_files_are_bit_equal_under_today_s_names(tmp_path: Path, description: dict[str, Any]) -> None:
    path, state = old_file(tmp_path, description)
    with safe_open(path, framework="pt") as file:
        assert {"second_look.head.bias", "yardstick.head.bias"} & set(file.keys())
        assert not any(name.startswith(("crop_classifier", "cube_scale")) for name in file.keys())  # noqa: SIM118
    loaded, read = load_weights(path)
    assert read == load_description(path) == description
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_compact_models_load_old_files(tmp_path: Path) -> None:
    path, state = old_file(tmp_path, DEPTH)
    estimator = create_depth_estimator(str(path), CPU)
    assert isinstance(estimator, CompactDepth)
    assert torch.equal(estimator.cube_scale.head.weight, state["cube_scale.head.weight"])
    path, state = old_file(tmp_path, SEGMENTATION)
    classifier = CompactSegmenter(CPU, path).proposer.crop_classifier
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, state[f"crop_classifier.{name}"]), name


@pytest.mark.parametrize("part", ["detector", "crop_classifier"])
def test_train_segmentation_starts_from_old_files(tmp_path: Path, part: str) -> None:
    path, state = old_file(tmp_path, SEGMENTATION)
    network = compact_mask_rcnn(len(CATEGORIES)) if part == "detector" else CropClassifier(len(CATEGORIES))
    load_matching(network, part, require_segmentation_weights(path), CATEGORIES)
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[f"{part}.{name}"]), name
