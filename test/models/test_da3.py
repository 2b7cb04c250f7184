"""The laws of Depth Anything 3's back ends, with networks that return a known function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from da3_networks import CAMERA, CPU, SMALL, Known, metric, nested, smooth
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, MetricDepth, MonoDepth
from unity_depth_perception.models.depth_anything_3.network import RawDepth
from unity_depth_perception.models.depth_anything_3.network_input import network_image
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.ops.resize import resize_depth


def test_doubling_the_focal_length_doubles_metric_depth() -> None:
    near = metric().infer(smooth(), CAMERA).depth_m
    twice = Camera(160, 120, 2 * CAMERA.fx, 2 * CAMERA.fy, CAMERA.cx, CAMERA.cy)
    far = metric().infer(smooth(), twice).depth_m
    torch.testing.assert_close(far, 2 * near)


def test_focal_length_is_that_of_the_network_input() -> None:
    grey = torch.full((120, 160, 3), 128, dtype=torch.uint8)
    ground = metric(Known(0.0)).infer(grey, CAMERA).depth_m
    seen = network_image(grey, 126)
    expected = float(Known(0.0)(seen).depth[0, 0]) * CAMERA.focal_px * (126 / 160) / 300
    assert float(ground[60, 80]) == pytest.approx(expected, rel=0.02)  # 120 px become 98, not 94.5


def test_half_the_image_with_half_the_camera_is_the_same_depth() -> None:
    image = smooth(320, 240)
    full = metric().infer(image, CAMERA.resized(320, 240)).depth_m
    halved = image.view(120, 2, 160, 2, 3).float().mean(dim=(1, 3)).round().to(torch.uint8)
    half = metric().infer(halved, CAMERA).depth_m
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


def test_nested_ignores_its_predicted_focal_length_if_the_camera_is_known() -> None:
    results = [nested(focal_px).infer(smooth(), CAMERA).depth_m for focal_px in (80.0, 300.0)]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(results[0], metric().infer(smooth(), CAMERA).depth_m)


def test_nested_depth_does_not_depend_on_the_unit_of_its_any_view_network() -> None:
    torch.testing.assert_close(*[nested(unit=unit).infer(smooth(), CAMERA).depth_m for unit in (0.2, 30.0)])


def test_nested_without_a_camera_uses_and_returns_the_predicted_one() -> None:
    near, far = nested(80.0).infer(smooth()), nested(160.0).infer(smooth())
    torch.testing.assert_close(far.depth_m, 2 * near.depth_m)
    camera = far.predicted_camera()
    assert camera is not None
    assert (camera.width, camera.height) == (160, 120)
    assert camera.fx == pytest.approx(160 * 160 / 126)
    assert (camera.cx, camera.cy) == pytest.approx((79.5, 59.5))


@pytest.mark.parametrize("estimator", [metric(), nested(), MonoDepth("mono", CPU, Known(), SMALL)])
def test_only_sky_is_infinite(estimator: Any) -> None:
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
def test_blank_images_raise_no_error(image: Tensor, sky_part: float) -> None:
    image = image.to(torch.uint8)
    camera = Camera.from_vertical_fov(1.0, image.shape[1], image.shape[0])
    for estimator in (metric(Known(sky_part)), nested(sky_part=sky_part)):
        depth_m = estimator.infer(image, camera).depth_m
        assert depth_m.shape == image.shape[:2]
        assert torch.isinf(depth_m).all() if sky_part else torch.isfinite(depth_m).all()


def test_nested_depth_is_nan_if_almost_all_is_sky() -> None:
    network = nested()
    network._run_metric = lambda seen: Known()(seen)._replace(sky=_all_but_ten(seen))
    depth_m = network.infer(torch.full((126, 126, 3), 9, dtype=torch.uint8)).depth_m
    assert int(torch.isnan(depth_m).sum()) == 10
    assert int(torch.isinf(depth_m).sum()) == 126 * 126 - 10


def _all_but_ten(seen: Tensor) -> Tensor:
    sky = torch.ones(seen.shape[2:])
    sky[60, 60:70] = 0
    return sky


def test_relative_depth_is_marked_as_not_metric() -> None:
    for estimator in (MonoDepth("mono", CPU, Known(), SMALL), AnyViewDepth("any", CPU, Known(0, 90.0), SMALL)):
        assert not estimator.infer(smooth()).is_metric
    assert metric().infer(smooth(), CAMERA).is_metric
    assert nested().infer(smooth()).is_metric


def test_a_camera_of_another_size_is_refused() -> None:
    for estimator in (metric(), nested()):
        with pytest.raises(CameraError, match="expected image of the camera's 80 x 60 px"):
            estimator.infer(smooth(), CAMERA.resized(80, 60))


def test_inference_does_not_synchronise_with_the_device() -> None:
    """On torch's meta device, which has no values, reading one fails."""
    image = smooth().to("meta")
    with pytest.raises(RuntimeError):
        float(image[0, 0, 0])
    for estimator in (metric(), nested(), MonoDepth("mono", CPU, Known(), SMALL)):
        assert estimator.infer(image, CAMERA).depth_m.shape == (120, 160)


@pytest.mark.gpu
def test_inference_on_the_gpu_does_not_synchronise() -> None:
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
