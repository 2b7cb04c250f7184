"""The laws of Depth Anything 3's back ends, with networks that return a known function; weights that do not fit."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ConfigurationError, ImageError, InputError, ModelError
from unity_depth_perception.models.acceleration import accelerated, resolve_precision
from unity_depth_perception.models.da3 import AnyViewDepth, MetricDepth, MonoDepth, NestedDepth, seen_image
from unity_depth_perception.models.da3_alignment import pose_scale
from unity_depth_perception.models.da3_network import RawDepth, build_network, without_gaussians
from unity_depth_perception.models.da3_variants import DA3_VARIANTS
from unity_depth_perception.models.options import DepthOptions
from unity_depth_perception.models.registry import create_depth_estimator, depth_model_names
from unity_depth_perception.ops.resize import resize_depth, resize_image

CPU = torch.device("cpu")
SMALL = DepthOptions(size_px=126, precision="float32")
CAMERA = Camera.from_vertical_fov(math.radians(60), 160, 120)


@dataclass
class Known:
    """A network whose depth is 1..3 with the image's brightness, with sky in the topmost part of the image."""

    sky_part: float = 0.25
    focal_px: float | None = None
    unit: float = 1.0

    def __call__(self, image: Tensor) -> RawDepth:
        height, width = image.shape[2:]
        depth = self.unit * (2 + image[0].mean(dim=0).clamp(-2, 2) / 2)
        rows = torch.arange(height, device=image.device)[:, None].expand(height, width)
        intrinsics = None
        if self.focal_px is not None:
            intrinsics = torch.tensor(
                [[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]], device=image.device
            )
        sky = torch.where(rows < self.sky_part * height, 1.0, 0.0)
        return RawDepth(depth, torch.ones_like(depth), sky, intrinsics)

    def views(self, images: Tensor, **conditions: Any) -> Any:
        """As the reference: each view a step of 2 units to the right of the one before."""
        raw = [self(image[None]) for image in images[0]]
        extrinsics = torch.eye(4).repeat(len(raw), 1, 1)
        extrinsics[:, 0, 3] = -2 * self.unit * torch.arange(len(raw))
        return {
            "depth": torch.stack([view.depth for view in raw])[None],
            "depth_conf": torch.stack([view.depth for view in raw])[None],
            "extrinsics": extrinsics[None],
            "intrinsics": torch.stack([view.intrinsics for view in raw if view.intrinsics is not None])[None],
        }


def smooth(width: int = 160, height: int = 120) -> Tensor:
    """A picture without edges."""
    y, x = np.mgrid[:height, :width] / width
    planes = [127 + 100 * np.sin(3 * x + phase) * np.cos(2 * y) for phase in (0, 1, 2)]
    return torch.from_numpy(np.stack(planes, axis=-1).astype(np.uint8))


def metric(network: Any = None, options: DepthOptions = SMALL) -> MetricDepth:
    return MetricDepth("metric", CPU, network or Known(), options)


def nested(focal_px: float = 100.0, sky_part: float = 0.25, unit: float = 1.0) -> NestedDepth:
    return NestedDepth("nested", CPU, Known(0.0, focal_px, unit), Known(sky_part), SMALL)


def test_doubling_the_focal_length_doubles_metric_depth() -> None:
    near = metric().infer(smooth(), CAMERA).depth_m
    twice = Camera(160, 120, 2 * CAMERA.fx, 2 * CAMERA.fy, CAMERA.cx, CAMERA.cy)
    far = metric().infer(smooth(), twice).depth_m
    torch.testing.assert_close(far, 2 * near)


def test_the_focal_length_is_that_of_the_image_as_the_network_sees_it() -> None:
    grey = torch.full((120, 160, 3), 128, dtype=torch.uint8)
    ground = metric(Known(0.0)).infer(grey, CAMERA).depth_m
    seen = seen_image(grey, 126)
    expected = float(Known(0.0)(seen).depth[0, 0]) * CAMERA.focal_px * (126 / 160) / 300
    assert float(ground[60, 80]) == pytest.approx(expected, rel=0.02)  # 120 px become 98, not 94.5


def test_half_the_image_with_half_the_camera_is_the_same_depth() -> None:
    image = smooth(320, 240)
    full = metric().infer(image, CAMERA.resized(320, 240)).depth_m
    half = metric().infer(resize_image(image, 160, 120), CAMERA).depth_m
    expected = resize_depth(full, 160, 120)
    ground = torch.isfinite(half) & torch.isfinite(expected)
    assert float(ground.float().mean()) > 0.7
    assert float((half[ground] / expected[ground] - 1).abs().max()) < 0.01


@dataclass
class Wall:
    """What a network says that has learnt its task, of a wall at `depth_m`: metres in units of the canonical camera."""

    depth_m: float
    tan_half_width: float

    def __call__(self, image: Tensor) -> RawDepth:
        height, width = image.shape[2:]
        focal_px = width / 2 / self.tan_half_width
        depth = torch.full((height, width), self.depth_m * 300 / focal_px)
        return RawDepth(depth, sky=torch.zeros(height, width))


@pytest.mark.parametrize("size_px", [0, 126, 280, 770])
def test_the_processing_size_does_not_change_a_wall_s_metres(size_px: int) -> None:
    wall = Wall(3.0, CAMERA.width / 2 / CAMERA.fx)
    options = DepthOptions(size_px=size_px, precision="float32")
    depth_m = metric(wall, options).infer(smooth(), CAMERA).depth_m
    torch.testing.assert_close(depth_m, torch.full((120, 160), 3.0), rtol=0.02, atol=0)  # sides round to patches


def test_nested_does_not_care_for_the_focal_length_that_it_predicts_when_the_camera_is_known() -> None:
    results = [nested(focal_px).infer(smooth(), CAMERA).depth_m for focal_px in (80.0, 300.0)]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(results[0], metric().infer(smooth(), CAMERA).depth_m)


def test_nested_does_not_care_for_the_unit_of_its_any_view_network() -> None:
    torch.testing.assert_close(*[nested(unit=unit).infer(smooth(), CAMERA).depth_m for unit in (0.2, 30.0)])


def test_nested_without_a_camera_keeps_its_own_and_returns_it() -> None:
    near, far = nested(80.0).infer(smooth()), nested(160.0).infer(smooth())
    torch.testing.assert_close(far.depth_m, 2 * near.depth_m)
    camera = far.predicted_camera()
    assert camera is not None
    assert (camera.width, camera.height) == (160, 120)
    assert camera.fx == pytest.approx(160 * 160 / 126)
    assert (camera.cx, camera.cy) == pytest.approx((79.5, 59.5))


@pytest.mark.parametrize("estimator", [metric(), nested(), MonoDepth("mono", CPU, Known(), SMALL)])
def test_sky_is_infinite_and_nothing_else_is(estimator: Any) -> None:
    depth_m = estimator.infer(smooth(), CAMERA).depth_m
    assert depth_m.shape == (120, 160)
    assert torch.isinf(depth_m[:29]).all()
    assert torch.isfinite(depth_m[32:]).all()
    assert not torch.isnan(depth_m).any()


@pytest.mark.parametrize(
    "image",
    [torch.zeros(1, 1, 3), torch.full((2, 300, 3), 255), torch.full((90, 90, 3), 7)],
    ids=["pixel", "strip", "one colour"],
)
@pytest.mark.parametrize("sky_part", [0.0, 1.0], ids=["no sky", "all sky"])
def test_no_image_kills_anything(image: Tensor, sky_part: float) -> None:
    image = image.to(torch.uint8)
    camera = Camera.from_vertical_fov(1.0, image.shape[1], image.shape[0])
    for estimator in (metric(Known(sky_part)), nested(sky_part=sky_part)):
        depth_m = estimator.infer(image, camera).depth_m
        assert depth_m.shape == image.shape[:2]
        assert torch.isinf(depth_m).all() if sky_part else torch.isfinite(depth_m).all()


def test_where_hardly_anything_is_not_sky_nested_depth_is_unknown() -> None:
    network = nested()
    network._metric = lambda seen: Known()(seen)._replace(sky=_all_but_ten(seen))
    depth_m = network.infer(torch.full((126, 126, 3), 9, dtype=torch.uint8)).depth_m
    assert int(torch.isnan(depth_m).sum()) == 10
    assert int(torch.isinf(depth_m).sum()) == 126 * 126 - 10


def _all_but_ten(seen: Tensor) -> Tensor:
    sky = torch.ones(seen.shape[2:])
    sky[60, 60:70] = 0
    return sky


def test_what_is_relative_says_so() -> None:
    for estimator in (MonoDepth("mono", CPU, Known(), SMALL), AnyViewDepth("any", CPU, Known(0, 90.0), SMALL)):
        assert not estimator.infer(smooth()).is_metric
    assert metric().infer(smooth(), CAMERA).is_metric
    assert nested().infer(smooth()).is_metric


def test_a_camera_of_another_size_is_refused() -> None:
    for estimator in (metric(), nested()):
        with pytest.raises(CameraError, match="expected image of the camera's 80 x 60 px"):
            estimator.infer(smooth(), CAMERA.resized(80, 60))


def test_nothing_waits_for_the_device() -> None:
    """On torch's meta device, which has no values, reading one fails."""
    image = smooth().to("meta")
    with pytest.raises(RuntimeError):
        float(image[0, 0, 0])
    for estimator in (metric(), nested(), MonoDepth("mono", CPU, Known(), SMALL)):
        assert estimator.infer(image, CAMERA).depth_m.shape == (120, 160)


def test_views_with_poses_have_their_scale() -> None:
    estimator = AnyViewDepth("any", CPU, Known(0.0, 90.0), SMALL)
    frames = [smooth()] * 3
    free = estimator.infer_views(frames)
    assert not free.is_metric
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 1, 3] = 0, 0.5, 1.0  # downwards in steps of half a metre, where the network sees steps of two units
    result = estimator.infer_views(frames, [CAMERA] * 3, poses)
    assert result.is_metric
    torch.testing.assert_close(result.depth_m, free.depth_m / 4)
    np.testing.assert_array_equal(result.world_from_camera, poses)
    two = estimator.infer_views(frames[:2], [CAMERA] * 2, poses[:2])
    torch.testing.assert_close(two.depth_m, free.depth_m[:2] / 4)


def test_nested_views_are_in_metres_of_the_known_cameras() -> None:
    frames = [smooth()] * 2
    results = [nested(focal).infer_views(frames, [CAMERA] * 2) for focal in (80.0, 200.0)]
    torch.testing.assert_close(results[0].depth_m, results[1].depth_m)
    torch.testing.assert_close(results[0].depth_m[1], nested().infer(smooth(), CAMERA).depth_m)
    assert results[0].is_metric
    metres_per_unit = CAMERA.resized(126, 98).focal_px / 300  # both networks say the same of each pixel
    assert results[0].world_from_camera[1, 0, 3] == pytest.approx(2 * metres_per_unit)


POSES = np.tile(np.eye(4), (2, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"frames": []}, ImageError, "at least one"),
        ({"frames": [smooth(), smooth(160, 90)]}, ImageError, "of one size.*2 sizes"),
        ({"cameras": [CAMERA]}, InputError, "camera for each of 2 images, got 1"),
        ({"cameras": [CAMERA.resized(80, 60)] * 2}, CameraError, "160 x 120 px like the images, got 80 x 60"),
        ({"poses": POSES}, InputError, "poses need cameras"),
        ({"cameras": [CAMERA] * 2, "poses": POSES[:1]}, InputError, r"expected poses \(2, 4, 4\), got \(1, 4, 4\)"),
        ({"cameras": [CAMERA] * 2, "poses": POSES}, InputError, "several positions"),
        ({"frames": [smooth()], "cameras": [CAMERA], "poses": POSES[:1]}, InputError, "two views or more"),
        ({"reference_view": "best"}, ConfigurationError, "saddle_balanced.*got 'best'"),
    ],
)
def test_views_that_cannot_be_related(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    estimator = AnyViewDepth("any", CPU, Known(0.0, 90.0), SMALL)
    with pytest.raises(error, match=message):
        estimator.infer_views(**{"frames": [smooth()] * 2, **arguments})


def test_pose_scale_is_found_whatever_the_rotation() -> None:
    rng = np.random.default_rng(0)
    given = rng.normal(size=(5, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    assert pose_scale(given, 7 * given @ turn.T + [1, 2, 3]) == pytest.approx(7)
    with pytest.raises(ModelError, match="at one position"):
        pose_scale(given, np.zeros((5, 3)))


def test_arithmetic_is_chosen_by_device() -> None:
    assert resolve_precision("float16", CPU) == torch.float16
    assert resolve_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(ConfigurationError, match=r"precision one of auto, float32.*'int8'"):
        DepthOptions(precision="int8")
    with pytest.raises(ConfigurationError, match=r"acceleration one of none.*'magic'"):
        DepthOptions(acceleration="magic")
    with pytest.raises(ConfigurationError, match="28 to 4096"):
        DepthOptions(size_px=5)


def test_what_cannot_be_accelerated_runs_without_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Any, **options: Any) -> Any:
        def call(image: Tensor) -> Tensor:
            raise RuntimeError("no compiler\nat line 5")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    compiled = accelerated(lambda image: image + 1, "compile", CPU)
    assert [int(compiled(torch.tensor(k))) for k in (1, 2)] == [2, 3]
    assert caplog.messages == ["torch.compile failed (RuntimeError: no compiler): running without"]
    caplog.clear()
    graph = accelerated(lambda image: image + 1, "cuda_graph", CPU)
    assert int(graph(torch.tensor(1))) == 2
    assert caplog.messages == ["CUDA graphs need a GPU: running on cpu without"]


@pytest.mark.gpu
def test_a_cuda_graph_gives_the_network_s_values_for_each_size() -> None:
    device = torch.device("cuda")

    def plain(image: Tensor) -> RawDepth:
        return RawDepth(image.mean(dim=1)[0] * 2)

    graph = accelerated(plain, "cuda_graph", device)
    results = []
    for side in (28, 42, 28):
        image = torch.randn(1, 3, side, side, device=device)
        results.append((graph(image).depth, plain(image).depth))
    for ours, expected in results:
        torch.testing.assert_close(ours, expected)


@pytest.mark.gpu
def test_a_frame_on_the_gpu_waits_for_nothing() -> None:
    device = torch.device("cuda")
    image = smooth().to(device)
    estimators = [MetricDepth("metric", device, Known(), SMALL), MonoDepth("mono", device, Known(), SMALL)]
    for estimator in estimators:
        estimator.infer(image, CAMERA)  # fills the caches
        torch.cuda.set_sync_debug_mode("error")
        try:
            estimator.infer(image, CAMERA)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_every_model_of_the_family_has_a_name() -> None:
    assert set(DA3_VARIANTS) <= set(depth_model_names())
    restricted = {name for name, variant in DA3_VARIANTS.items() if variant.published.is_non_commercial}
    assert restricted == {"da3nested-giant-large-1.1", "da3-large-1.1", "da3-giant-1.1"}


@pytest.mark.parametrize("architecture", ["da3-giant", "da3nested-giant-large"])
def test_the_gaussian_heads_are_left_out(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a tenth of the giant networks, and nothing here renders."""
    built = []
    monkeypatch.setattr(
        "depth_anything_3.cfg.create_object", lambda config: built.append(config) or torch.nn.Identity()
    )
    build_network(architecture)
    any_view = built[0].get("anyview", built[0])
    assert {"net", "head", "cam_enc", "cam_dec"} <= set(any_view)
    assert not {"gs_head", "gs_adapter"} & set(any_view)
    state = {"model.da3.gs_head.a": torch.ones(1), "model.da3.head.a": torch.ones(1)}
    assert list(without_gaussians(state)) == ["model.da3.head.a"]


def test_weights_that_do_not_fit_are_named_with_the_first_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelError, match=r"depth-anything/DA3-SMALL at .*model\.safetensors.*either"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(ModelError, match=r"model\.safetensors: expected a tensor model\.backbone\.pretrained\.\w+"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    save_file({"model.backbone.pretrained.cls_token": torch.ones(1, 1, 1024)}, path)
    with pytest.raises(ModelError, match=r"cls_token of shape \(1, 1, 384\), got \(1, 1, 1024\)"):
        create_depth_estimator("da3-small", CPU, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors: .*cannot be read"):
        create_depth_estimator("da3-small", CPU, tmp_path)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"weight": torch.ones(3)}, tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "depth_anything_3.cfg", SimpleNamespace())
    with pytest.raises(ModelError, match="da3-small needs the package depth-anything-3"):
        create_depth_estimator("da3-small", CPU, tmp_path)
