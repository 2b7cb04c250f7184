"""Depth Anything V2: the transformers pipeline's numbers and the laws of metres."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from da2_models import CPU, NAME, SIDE_PX, create, make_variants_tiny, picture, save_random_weights
from PIL import Image
from safetensors.torch import load_file, save_file

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.depth_anything_2.estimator import network_size
from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions

transformers = pytest.importorskip("transformers")

SIZES = [(300, 300), (640, 360), (270, 480), (100, 80)]  # square, wide, tall, smaller than the network's side


@pytest.fixture(autouse=True)
def _tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_weights(tmp_path_factory.mktemp("da2"))


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


def test_maximum_depth_is_that_of_the_variant(folder: Path, tmp_path: Path) -> None:
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


def test_focal_length_is_corrected_only_on_request(folder: Path) -> None:
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
