"""Weights of Depth Anything V2: their three namings, and those that cannot be used."""

import json
import math
import re
import sys
from pathlib import Path

import pytest
import torch
from da2_models import create, make_variants_tiny, picture, save_random_weights
from safetensors.torch import load_file, save_file

from unity_depth_perception.core.errors import ModelError

transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def _tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_weights(tmp_path_factory.mktemp("da2"))


def original_name(name: str) -> str:
    """The authors' name of a tensor outside attention, from the hub's name (metric_depth/depth_anything_v2/*.py)."""
    parts = name.split(".")
    level = next((int(part) for part in parts if part.isdecimal()), 0)
    if name.startswith("backbone.encoder.layer."):
        inner = ".".join(parts[4:])
        inner = re.sub(r"layer_scale(\d)\.lambda1", r"ls\1.gamma", inner).replace("attention.output.dense", "attn.proj")
        return f"pretrained.blocks.{level}.{inner}"
    if name.startswith("neck.reassemble_stage"):
        kind = {"projection": "projects", "resize": "resize_layers"}[parts[4]]
        return f"depth_head.{kind}.{level}.{parts[5]}"
    if name.startswith("neck.fusion_stage"):
        inner = ".".join(parts[4:]).replace("projection", "out_conv")
        inner = re.sub(r"residual_layer(\d)\.convolution(\d)", r"resConfUnit\1.conv\2", inner)
        return f"depth_head.scratch.refinenet{4 - level}.{inner}"
    if name.startswith("neck.convs"):
        return f"depth_head.scratch.layer{level + 1}_rn.weight"
    return {
        "backbone.embeddings.cls_token": "pretrained.cls_token",
        "backbone.embeddings.mask_token": "pretrained.mask_token",
        "backbone.embeddings.position_embeddings": "pretrained.pos_embed",
        "backbone.embeddings.patch_embeddings.projection.weight": "pretrained.patch_embed.proj.weight",
        "backbone.embeddings.patch_embeddings.projection.bias": "pretrained.patch_embed.proj.bias",
        "backbone.layernorm.weight": "pretrained.norm.weight",
        "backbone.layernorm.bias": "pretrained.norm.bias",
        "head.conv1.weight": "depth_head.scratch.output_conv1.weight",
        "head.conv1.bias": "depth_head.scratch.output_conv1.bias",
        "head.conv2.weight": "depth_head.scratch.output_conv2.0.weight",
        "head.conv2.bias": "depth_head.scratch.output_conv2.0.bias",
        "head.conv3.weight": "depth_head.scratch.output_conv2.2.weight",
        "head.conv3.bias": "depth_head.scratch.output_conv2.2.bias",
    }[name]


def original_state(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a hub folder as the authors' .pth holds them: query, key and value in one matrix."""
    state = load_file(folder / "model.safetensors")
    original = {}
    for name, value in state.items():
        if ".attention.attention." not in name:
            original[original_name(name)] = value
        elif ".query." in name:
            layer, kind = name.split(".")[3], name.rpartition(".")[2]
            parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
            original[f"pretrained.blocks.{layer}.attn.qkv.{kind}"] = torch.cat(parts)
    return original


def test_the_authors_checkpoints_give_the_same_depth(folder: Path, tmp_path: Path) -> None:
    torch.save(original_state(folder), tmp_path / "depth_anything_v2_metric_hypersim_vits.pth")
    image = picture(200, 150)
    with torch.inference_mode():
        expected_m = create(folder).depth_at_network_size(image)
        depth_m = create(tmp_path / "depth_anything_v2_metric_hypersim_vits.pth").depth_at_network_size(image)
    assert torch.equal(depth_m, expected_m)


def test_checkpoint_of_the_authors_fine_tuning_gives_the_same_depth(folder: Path, tmp_path: Path) -> None:
    """exp/latest.pth of metric_depth/train.py, trained by DistributedDataParallel."""
    state = {f"module.{name}": value for name, value in original_state(folder).items()}
    path = tmp_path / "latest.pth"
    torch.save({"model": state, "optimizer": {}, "epoch": 3, "previous_best": {"d1": 0.9}}, path)
    torch.save({f"model.{name}": value for name, value in original_state(folder).items()}, tmp_path / "lightning.ckpt")
    image = picture(200, 150)
    with torch.inference_mode():
        expected_m = create(folder).depth_at_network_size(image)
        for given in (path, tmp_path / "lightning.ckpt"):
            assert torch.equal(create(given).depth_at_network_size(image), expected_m)


def test_weights_under_the_names_in_memory_load_too(folder: Path, tmp_path: Path) -> None:
    network = transformers.AutoModelForDepthEstimation.from_pretrained(folder)
    save_file(network.state_dict(), tmp_path / "memory.safetensors")
    image = picture(200, 150)
    with torch.inference_mode():
        expected_m = create(folder).depth_at_network_size(image)
        assert torch.equal(create(tmp_path / "memory.safetensors").depth_at_network_size(image), expected_m)


def _truncated(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-1000])


def _foreign(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({"layer.weight": torch.ones(3)}, path)


def _wider(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state | {"pretrained.norm.weight": torch.ones(48)}, path)


def _deeper(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state | {"pretrained.blocks.4.norm1.weight": torch.ones(32)}, path)


def _drop_qkv(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({name: value for name, value in state.items() if "blocks.2.attn.qkv.weight" not in name}, path)


def _training_state(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({"weights": state, "epoch": 3}, path)


def _not_finite(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state | {"pretrained.norm.bias": torch.full((32,), math.nan)}, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "cannot be read"),
        (_foreign, "expected a tensor backbone.embeddings.cls_token"),
        (_wider, r"expected backbone.layernorm.weight of shape \(32,\), got \(48,\)"),
        (_deeper, r"unexpected tensor backbone.encoder.layer.4.norm1.weight"),
        (_drop_qkv, r"expected a tensor backbone.encoder.layer.2.attention"),
        (_training_state, "expected tensors by name"),
        (_not_finite, "NaN or infinity"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(folder: Path, tmp_path: Path, spoil: object, message: str) -> None:
    path = tmp_path / "weights.pth"
    spoil(path, original_state(folder))  # type: ignore[operator]
    with pytest.raises(ModelError, match=message) as error:
        create(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("change", "found"),
    [({"max_depth": 80}, "metric ones with max_depth 80"), ({"depth_estimation_type": "relative"}, "relative ones")],
    ids=["outdoor", "relative"],
)
def test_weights_of_another_scale_are_refused(
    folder: Path, tmp_path: Path, change: dict[str, object], found: str
) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    config = json.loads((folder / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=rf"config\.json: expected metric weights up to 20 m, got {found}"):
        create(tmp_path)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(ModelError, match=r"config\.json"):
        create(tmp_path)


def test_without_transformers_the_error_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match="pip install transformers"):
        create(folder)
