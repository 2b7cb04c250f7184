"""Depth Anything V2: the transformers pipeline's numbers, the three namings of weights, the laws of metres."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, ModelError
from unity_depth_perception.models.da2 import DepthAnythingV2, network_size
from unity_depth_perception.models.da2_network import DepthAnythingV2Network
from unity_depth_perception.models.da2_variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.options import DepthOptions
from unity_depth_perception.models.registry import create_depth_estimator

transformers = pytest.importorskip("transformers")

CPU = torch.device("cpu")
NAME = "da2-metric-indoor-small"
TINY = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)
SIZES = [(300, 300), (640, 360), (270, 480), (100, 80)]  # square, wide, tall, smaller than the network's side
SIDE_PX = 140


@pytest.fixture(autouse=True)
def _tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names stand for a network of the same kind that takes milliseconds."""
    for name, variant in list(DA2_VARIANTS.items()):
        monkeypatch.setitem(DA2_VARIANTS, name, replace(variant, architecture=TINY))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights as transformers saves them: the layout of the hub's repositories."""
    path = tmp_path_factory.mktemp("da2")
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


def processor(side_px: int = SIDE_PX) -> object:
    """As preprocessor_config.json of the hub's repositories has it."""
    return transformers.DPTImageProcessor(
        size={"height": side_px, "width": side_px},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_depth_is_that_of_the_transformers_pipeline(folder: Path, size: tuple[int, int]) -> None:
    image = picture(*size)
    reference = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()
    with torch.inference_mode():
        inputs = processor()(images=Image.fromarray(image.numpy()), return_tensors="pt")  # type: ignore[operator]
        expected_m = reference(**inputs).predicted_depth[0]
        depth_m = create(folder).depth_at_network_size(image)
    assert depth_m.shape == expected_m.shape
    assert expected_m.std() > 0.01 * expected_m.mean()
    assert ((depth_m - expected_m) / expected_m).abs().max() <= 1e-3


@pytest.mark.parametrize(
    "size",
    [
        (518, 518),
        (1024, 1024),
        (1920, 1080),
        (1080, 1920),
        (640, 480),
        (400, 300),
        (777, 1036),
        (519, 517),
        (2000, 100),
    ],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_the_network_sees_the_size_that_transformers_chooses(size: tuple[int, int]) -> None:
    pixels = processor(518)(images=Image.new("RGB", size), return_tensors="pt").pixel_values  # type: ignore[operator]
    assert network_size(*size, 518) == (pixels.shape[3], pixels.shape[2])


@pytest.mark.parametrize(
    ("size", "parameters"), [("small", 24.8e6), ("base", 97.5e6), ("large", 335.3e6)], ids=["small", "base", "large"]
)
def test_the_networks_are_the_published_ones(size: str, parameters: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of parameters as the authors state them."""
    monkeypatch.undo()
    for scene, max_depth_m in (("indoor", 20), ("outdoor", 80)):
        variant = DA2_VARIANTS[f"da2-metric-{scene}-{size}"]
        with torch.device("meta"):
            network = DepthAnythingV2Network(variant.architecture)
        assert round(sum(p.numel() for p in network.parameters()), -5) == parameters
        assert variant.max_depth_m == max_depth_m
        assert variant.published.is_non_commercial == (size != "small")
        expected_id = f"depth-anything/Depth-Anything-V2-Metric-{scene.title()}-{size.title()}-hf"
        assert variant.published.hub_id == expected_id


@pytest.mark.parametrize(("width", "height"), [(1, 1), (30, 900), (320, 200)])
def test_depth_has_the_images_size_and_is_metric(folder: Path, width: int, height: int) -> None:
    for image in (picture(width, height), torch.full((height, width, 3), 255, dtype=torch.uint8)):
        with torch.inference_mode():
            prediction = create(folder).infer(image, Camera.from_vertical_fov(1.0, width, height))
        assert prediction.is_metric
        assert prediction.depth_m.shape == (height, width)
        assert ((prediction.depth_m > 0) & (prediction.depth_m < 20)).all()


def test_the_greatest_depth_is_the_models(folder: Path, tmp_path: Path) -> None:
    weights = load_file(folder / "model.safetensors") | {"head.conv3.bias": torch.full((1,), 50.0)}
    save_file(weights, tmp_path / "far.safetensors")
    image, camera = picture(80, 60), Camera.from_vertical_fov(1.0, 80, 60)
    for scene, max_depth_m in (("indoor", 20.0), ("outdoor", 80.0)):
        depth_m = create(tmp_path / "far.safetensors", f"da2-metric-{scene}-base").infer(image, camera).depth_m
        assert depth_m.max().item() == pytest.approx(max_depth_m)


def test_the_processing_size_does_not_change_the_metres_of_a_constant_scene(folder: Path, tmp_path: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["head.conv3.weight"].zero_()
    save_file(weights, tmp_path / "flat.safetensors")
    image, camera = picture(300, 200), Camera.from_vertical_fov(1.0, 300, 200)
    expected_m = 20 * torch.sigmoid(weights["head.conv3.bias"]).item()
    for side_px in (70, 140, 280):
        options = DepthOptions(size_px=side_px, precision="float32")
        depth_m = create_depth_estimator(NAME, CPU, tmp_path / "flat.safetensors", options).infer(image, camera).depth_m
        assert torch.allclose(depth_m, torch.tensor(expected_m))


def test_bfloat16_stays_close_to_float32(folder: Path) -> None:
    image = picture(300, 200)
    with torch.inference_mode():
        exact_m, coarse_m = (
            create(folder, precision=precision).depth_at_network_size(image) for precision in ("float32", "bfloat16")
        )
    assert (exact_m != coarse_m).any()
    assert (coarse_m / exact_m - 1).abs().mean() < 0.005


def test_the_focal_length_counts_only_where_asked_for(folder: Path) -> None:
    image = picture(256, 192)
    trained = Camera(256, 192, 886.81 / 4, 886.81 / 4, 127.5, 95.5)  # that of Hypersim, 1024 x 768, at a quarter
    narrow = replace(trained, fx=2 * trained.fx, fy=2 * trained.fy)
    with torch.inference_mode():
        plain, corrected = create(folder), create(folder, correct_focal=True)
        depth_m = plain.infer(image, trained).depth_m
        assert torch.equal(plain.infer(image, narrow).depth_m, depth_m)
        assert torch.allclose(corrected.infer(image, trained).depth_m, depth_m)
        assert torch.allclose(corrected.infer(image, narrow).depth_m, 2 * depth_m)
        turned = corrected.infer(
            image.transpose(0, 1).contiguous(), Camera(192, 256, trained.fy, trained.fx, 95.5, 127.5)
        )
        plain_turned = plain.infer(
            image.transpose(0, 1).contiguous(), Camera(192, 256, trained.fy, trained.fx, 95.5, 127.5)
        )
    assert torch.allclose(turned.depth_m, plain_turned.depth_m)


def test_the_outdoor_models_have_no_focal_length_of_their_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(ConfigurationError, match="da2-metric-outdoor-small was trained with several cameras"):
        create(tmp_path, "da2-metric-outdoor-small", correct_focal=True)


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


def _without_qkv(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({name: value for name, value in state.items() if "blocks.2.attn.qkv.weight" not in name}, path)


def _training_state(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({"model": state, "epoch": 3}, path)


def _not_finite(path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state | {"pretrained.norm.bias": torch.full((32,), math.nan)}, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "cannot be read"),
        (_foreign, "expected a tensor backbone.embeddings.cls_token"),
        (_wider, r"expected backbone.layernorm.weight of shape \(32,\), got \(48,\)"),
        (_deeper, r"unexpected tensor backbone.encoder.layer.4.norm1.weight"),
        (_without_qkv, r"expected a tensor backbone.encoder.layer.2.attention"),
        (_training_state, "expected tensors by name"),
        (_not_finite, "NaN or infinity"),
    ],
)
def test_weights_that_cannot_be_used(folder: Path, tmp_path: Path, spoil: object, message: str) -> None:
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
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ModelError, match="pip install transformers"):
        create(folder)
