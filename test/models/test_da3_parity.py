"""Depth Anything 3 beside the reference's own front end, DepthAnything3.inference: same random weights, float32."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DA3_LOG_LEVEL", "ERROR")  # the reference prints lines for every call

import numpy as np
import pytest
import torch
from da3_networks import reduced, spread
from omegaconf import OmegaConf
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.depth_anything_3 import estimator as da3
from unity_depth_perception.models.depth_anything_3 import multi_view as da3_views
from unity_depth_perception.models.depth_anything_3.estimator import (
    AnyViewDepth,
    MetricDepth,
    MonoDepth,
    NestedDepth,
    estimator_of,
)
from unity_depth_perception.models.depth_anything_3.network_input import network_image
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
SIDE_PX = 126
FLOAT32 = DepthOptions(size_px=SIDE_PX, precision="float32")
TOLERANCE = 1e-3  # of depth; what remains is 8-bit rounding while the image is resized
SIZES = pytest.mark.parametrize(
    ("width", "height"), [(200, 200), (300, 170), (120, 260), (70, 50)], ids=["square", "wide", "tall", "enlarged"]
)


@pytest.fixture(autouse=True)
def _at_processed_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth as the networks see it: what follows is the same upsampling for both."""
    for module in (da3, da3_views):
        monkeypatch.setattr(module, "resize_depth", lambda depth, width, height: depth)


def balance_sky(network: Any) -> None:
    """Let the sky be half of the picture."""
    metric = getattr(network, "da3_metric", network)
    if not hasattr(metric.head.scratch, "sky_output_conv2"):
        return
    last, logits = metric.head.scratch.sky_output_conv2[-1], []
    hook = last.register_forward_hook(lambda module, inputs, output: logits.append(output))
    metric(network_image(torch.from_numpy(picture(200, 200)), SIDE_PX)[:, None])
    hook.remove()
    last.bias += 0.3 - logits[0].median()


@functools.lru_cache(maxsize=1)
def twins(architecture: str) -> tuple[Any, Any]:
    """The reference's front end and a network with the same weights for ours."""
    from depth_anything_3.api import DepthAnything3
    from depth_anything_3.cfg import create_object

    torch.manual_seed(0)
    reference = DepthAnything3("da3-small")
    if architecture != "da3-small":
        reference.model = create_object(OmegaConf.create(reduced(architecture)))
    spread(reference.model)
    balance_sky(reference.model)
    # Without autocast: on a CPU the front end would compute in float16.
    reference.forward = lambda *args: reference.model(*args)
    return reference, copy.deepcopy(reference.model)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Smooth colours and hard edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(width, height)
    phases = rng.uniform(2, 9, size=(3, 2))
    image = np.stack([np.sin(a * x * 3 + b * y * 2) for a, b in phases], axis=-1) * 90 + 127
    image[height // 3 : height // 2, width // 4 : width // 2] = rng.uniform(0, 255, 3)
    return image.astype(np.uint8)


def off(ours: Tensor, reference: np.ndarray) -> float:
    """The largest relative difference."""
    assert tuple(ours.shape) == reference.shape
    return float(np.abs(ours.numpy() / reference - 1).max())


def assert_ground_is_the_same(ours: Tensor, reference: np.ndarray) -> None:
    """Depth where there is no sky; there the reference has one number, which it makes up."""
    values, counts = np.unique(reference, return_counts=True)
    ground = torch.from_numpy(reference != values[counts.argmax()])
    assert 0.02 < float(ground.float().mean()) < 0.98, "expected sky and ground"
    same = ground == torch.isfinite(ours)
    assert float(same.float().mean()) > 0.998  # rounding may move the border by a pixel
    assert off(ours[same & ground], reference[(same & ground).numpy()]) < TOLERANCE


@torch.inference_mode()
def infer(estimator: Any, image: np.ndarray, camera: Camera | None = None) -> Any:
    return estimator.infer(torch.from_numpy(image), camera)


@pytest.fixture(scope="module")
def any_view() -> tuple[Any, AnyViewDepth]:
    reference, network = twins("da3-small")
    estimator = estimator_of("da3-small", network, CPU, FLOAT32)
    assert isinstance(estimator, AnyViewDepth)
    return reference, estimator


@pytest.fixture(scope="module")
def nested() -> tuple[Any, NestedDepth]:
    reference, network = twins("da3nested-giant-large")
    estimator = estimator_of("da3nested-giant-large-1.1", network, CPU, FLOAT32)
    assert isinstance(estimator, NestedDepth)
    return reference, estimator


@SIZES
def test_any_view_depth_confidence_and_camera(any_view: tuple[Any, AnyViewDepth], width: int, height: int) -> None:
    reference, estimator = any_view
    image = picture(width, height)
    expected = reference.inference([image], process_res=SIDE_PX)
    assert expected.depth.max() > 1.2 * expected.depth.min()  # else every network would agree
    result = infer(estimator, image)
    assert off(result.depth_m, expected.depth[0]) < TOLERANCE
    assert not result.is_metric
    h, w = expected.depth.shape[1:]
    k = expected.intrinsics[0] * np.array([[w / w], [h / h], [1]])
    ours = result.intrinsics.numpy() * np.array([[w / width], [h / height], [1]])
    np.testing.assert_allclose(ours[[0, 1], [0, 1]], k[[0, 1], [0, 1]], rtol=TOLERANCE)


@SIZES
@pytest.mark.parametrize("name", ["da3metric-large", "da3mono-large"])
def test_metric_and_mono_depth_and_sky(name: str, width: int, height: int) -> None:
    reference, network = twins(name)
    estimator = estimator_of(name, network, CPU, FLOAT32)
    assert isinstance(estimator, MetricDepth | MonoDepth)
    image = picture(width, height)
    camera = Camera.from_vertical_fov(1.0, width, height)
    expected = reference.inference([image], process_res=SIDE_PX)
    h, w = expected.depth.shape[1:]
    factor = camera.resized(w, h).focal_px / 300 if name == "da3metric-large" else 1
    result = infer(estimator, image, camera)
    assert_ground_is_the_same(result.depth_m, expected.depth[0] * factor)
    assert result.is_metric == (name == "da3metric-large")


@SIZES
def test_nested_depth_with_its_own_camera(nested: tuple[Any, NestedDepth], width: int, height: int) -> None:
    reference, estimator = nested
    image = picture(width, height)
    expected = reference.inference([image], process_res=SIDE_PX)
    result = infer(estimator, image)
    assert_ground_is_the_same(result.depth_m, expected.depth[0])
    assert result.is_metric
    assert result.predicted_camera() is not None


def cameras_and_poses(count: int, width: int, height: int) -> tuple[list[Camera], np.ndarray]:
    """Cameras that step aside, forward and up, and turn."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    for k in range(count):
        c, s = np.cos(0.1 * k), np.sin(0.1 * k)
        poses[k, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
        poses[k, :3, 3] = [0.3 * k, 0.1 * k * k, -0.2 * k]
    return [Camera.from_vertical_fov(1.0 + 0.1 * k, width, height) for k in range(count)], poses


# Of the size that the network sees: that resizing agrees is shown above.
VIEWS = [picture(126, 84, seed) for seed in range(5)]


def reference_views(reference: Any, count: int = 3, with_poses: bool = False, **options: Any) -> Any:
    given = {}
    if with_poses:
        cameras, poses = cameras_and_poses(count, 126, 84)
        k = np.stack([camera.k + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]] for camera in cameras])
        given = {"extrinsics": np.linalg.inv(poses), "intrinsics": k}
    torch.manual_seed(0)
    return reference.inference(VIEWS[:count], process_res=SIDE_PX, **given, **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"reference_view": "middle"}, {"use_ray_pose": True}],
    ids=["default", "reference view", "ray pose"],
)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_several_views(any_view: tuple[Any, AnyViewDepth], options: dict[str, Any], count: int) -> None:
    reference, estimator = any_view
    names = {"reference_view": "ref_view_strategy"}
    named = {names.get(name, name): value for name, value in options.items()}
    expected = reference_views(reference, count, **named)
    result = estimator.infer_views([torch.from_numpy(view) for view in VIEWS[:count]], **options)
    assert off(result.depth_m, expected.depth) < TOLERANCE
    camera_from_world = np.linalg.inv(result.world_from_camera)[:, :3]
    np.testing.assert_allclose(camera_from_world, expected.extrinsics[:, :3], rtol=0, atol=2e-3)
    seen = [camera.resized(*expected.depth.shape[:0:-1]) for camera in result.cameras]
    np.testing.assert_allclose([c.fx for c in seen], expected.intrinsics[:, 0, 0], rtol=2e-3)
    assert not result.is_metric


@pytest.mark.parametrize(
    ("count", "options"),  # not two views: there the reference's Umeyama alignment raises GeometryException
    [(3, {}), (5, {}), (5, {"use_ray_pose": True})],
    ids=["3", "5", "5 ray pose"],
)
def test_views_with_poses_are_in_metres(
    any_view: tuple[Any, AnyViewDepth], count: int, options: dict[str, Any]
) -> None:
    reference, estimator = any_view
    expected = reference_views(reference, count, with_poses=True, **options)
    cameras, poses = cameras_and_poses(count, 126, 84)
    result = estimator.infer_views([torch.from_numpy(view) for view in VIEWS[:count]], cameras, poses, **options)
    assert off(result.depth_m, expected.depth) < TOLERANCE
    assert result.is_metric
    assert result.cameras == tuple(cameras)
    np.testing.assert_array_equal(result.world_from_camera, poses)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_nested_views(nested: tuple[Any, NestedDepth], count: int) -> None:
    reference, estimator = nested
    expected = reference_views(reference, count)
    result = estimator.infer_views([torch.from_numpy(view) for view in VIEWS[:count]])
    assert_ground_is_the_same(result.depth_m, expected.depth)
    assert result.is_metric
    again = estimator.infer_views([torch.from_numpy(view) for view in VIEWS[:count]])
    assert torch.equal(result.depth_m, again.depth_m)


def test_a_checkpoint_in_the_hub_s_layout_loads_from_its_folder(
    any_view: tuple[Any, AnyViewDepth], tmp_path: Path
) -> None:
    reference, estimator = any_view
    reference.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"model.safetensors", "config.json"}
    loaded = create_depth_estimator("da3-small", CPU, tmp_path, FLOAT32)
    image = picture(126, 84)
    assert torch.equal(infer(loaded, image).depth_m, infer(estimator, image).depth_m)
    with pytest.raises(ModelError, match=r"config\.json: expected weights of da3metric-large.*'da3-small'"):
        create_depth_estimator("da3metric-large", CPU, tmp_path)
