"""Gaussians of Depth Anything 3 beside the reference's: a reduced giant with random weights, float32."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("DA3_LOG_LEVEL", "ERROR")

import numpy as np
import pytest
import torch
from da3_networks import reduced, reduced_giant, spread
from omegaconf import OmegaConf
from plyfile import PlyData

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export.formats.gaussian_ply import write_gaussian_ply
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, estimator_of
from unity_depth_perception.models.depth_anything_3.gaussians import kept_pixels, place_gaussians
from unity_depth_perception.models.depth_anything_3.network import build_network
from unity_depth_perception.models.depth_anything_3.weights import fill_da3_network
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
FLOAT32 = DepthOptions(size_px=126, precision="float32", gaussians=True)
needs_e3nn = pytest.mark.skipif(importlib.util.find_spec("e3nn") is None, reason="needs the package e3nn")


def picture(seed: int) -> torch.Tensor:
    y, x = np.mgrid[:84, :126] / 126
    phases = np.random.default_rng(seed).uniform(2, 9, size=(3, 2))
    return torch.from_numpy(np.stack([127 + 100 * np.sin(a * x + b * y) for a, b in phases], axis=-1).astype(np.uint8))


VIEWS = [picture(seed) for seed in range(2)]


@pytest.fixture(scope="module")
def reference() -> Any:
    pytest.importorskip("depth_anything_3")
    from depth_anything_3.api import DepthAnything3
    from depth_anything_3.cfg import create_object

    front_end = DepthAnything3("da3-small")
    front_end.model = spread(create_object(reduced_giant()))
    front_end.forward = lambda *args: front_end.model(*args)  # without autocast
    return front_end


@pytest.fixture(scope="module")
def estimator(reference: Any) -> AnyViewDepth:
    import copy

    found = estimator_of("da3-giant-1.1", copy.deepcopy(reference.model), CPU, FLOAT32)
    assert isinstance(found, AnyViewDepth)
    return found


def columns(path: Path) -> np.ndarray:
    data = PlyData.read(str(path))["vertex"].data
    return np.stack([data[name] for name in data.dtype.names], axis=1)


@needs_e3nn
def test_gaussians_are_those_that_the_reference_writes(reference: Any, estimator: AnyViewDepth, tmp_path: Path) -> None:
    from depth_anything_3.utils.gsply_helpers import save_gaussian_ply

    expected = reference.inference([view.numpy() for view in VIEWS], process_res=126, infer_gs=True)
    save_gaussian_ply(
        expected.gaussians,
        str(tmp_path / "theirs.ply"),
        torch.from_numpy(expected.depth)[..., None],
        save_sh_dc_only=False,
        prune_by_depth_percent=0.9,
    )
    result = estimator.infer_views(VIEWS, gaussians=True)
    assert result.gaussians is not None
    assert result.gaussians.degree == 2
    scene = Scene(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), (), "optical", "none", False)
    write_gaussian_ply(tmp_path / "ours.ply", replace(scene, gaussians=result.gaussians))
    ours, theirs = columns(tmp_path / "ours.ply"), columns(tmp_path / "theirs.ply")
    theirs = theirs[np.isfinite(theirs).all(axis=1)]  # a negative depth has no logarithm
    assert len(ours) == len(theirs) > 1000
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    assert theirs[:, :3].std() > 0.01


@needs_e3nn
def test_gaussians_lie_at_the_given_poses(estimator: AnyViewDepth) -> None:
    """In the frame of each camera, a given pose changes the Gaussians' scale alone."""
    poses = np.tile(np.eye(4), (2, 1, 1))
    c, s = np.cos(0.4), np.sin(0.4)
    poses[1] = [[c, 0, s, 0.5], [0, 1, 0, 0.2], [-s, 0, c, 3], [0, 0, 0, 1]]
    moved = np.array([[0.0, -1, 0, 5], [1, 0, 0, -2], [0, 0, 1, 1], [0, 0, 0, 1]]) @ poses
    camera = Camera.from_vertical_fov(1.0, 126, 84)
    one, other = (estimator.infer_views(VIEWS, [camera] * 2, p, gaussians=True).gaussians for p in (poses, moved))
    assert one is not None
    assert other is not None
    local, turned = ((g.means_m - p[0, :3, 3]) @ p[0, :3, :3] for g, p in ((one, poses), (other, moved)))
    np.testing.assert_allclose(turned, local, atol=1e-3 * np.abs(local).max())
    np.testing.assert_allclose(other.scales_m, one.scales_m, rtol=2e-3)


@needs_e3nn
def test_nested_scales_gaussians_to_metres_as_its_depth(estimator: AnyViewDepth) -> None:
    from depth_anything_3.cfg import create_object

    nested = OmegaConf.create(reduced("da3nested-giant-large") | {"anyview": reduced_giant()})
    network = spread(create_object(nested))
    network.da3_metric.head.scratch.sky_output_conv2[-1].bias -= 100  # no sky
    metric = estimator_of("da3nested-giant-large-1.1", network, CPU, FLOAT32)
    assert isinstance(metric, AnyViewDepth)
    relative = AnyViewDepth("relative", CPU, metric.network, FLOAT32)
    in_metres, in_units = (model.infer_views(VIEWS, gaussians=True) for model in (metric, relative))
    assert in_metres.is_metric
    scale = float((in_metres.depth_m / in_units.depth_m).median())
    assert abs(scale - 1) > 0.01
    assert in_metres.gaussians is not None
    assert in_units.gaussians is not None
    np.testing.assert_allclose(in_metres.gaussians.means_m, scale * in_units.gaussians.means_m, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(in_metres.gaussians.scales_m, scale * in_units.gaussians.scales_m, rtol=1e-4)


def raw_gaussians(count: int, degree: int = 1) -> Any:
    from depth_anything_3.specs import Gaussians as Raw

    generator = torch.Generator().manual_seed(0)
    turns = torch.randn(1, count, 4, generator=generator)
    return Raw(
        torch.randn(1, count, 3, generator=generator),
        torch.rand(1, count, 3, generator=generator) + 0.1,
        turns / turns.norm(dim=-1, keepdim=True),
        torch.randn(1, count, 3, (degree + 1) ** 2, generator=generator),
        torch.rand(1, count, generator=generator),
    )


def covariances(gaussians: Gaussians) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_quat(gaussians.rotations[:, [1, 2, 3, 0]]).as_matrix()
    return turns @ (gaussians.scales_m[:, :, None] ** 2 * turns.transpose(0, 2, 1))


def test_scale_multiplies_all_lengths() -> None:
    kept = torch.ones(1, 2, 3, dtype=torch.bool)
    one, three = (place_gaussians(raw_gaussians(6), kept, np.eye(4)[None], None, s)[0] for s in (1.0, 3.0))
    np.testing.assert_allclose(three.means_m, 3 * one.means_m, rtol=1e-6)
    np.testing.assert_allclose(three.scales_m, 3 * one.scales_m, rtol=1e-6)
    np.testing.assert_array_equal(three.rotations, one.rotations)


@needs_e3nn
def test_given_pose_moves_centres_covariances_and_colours() -> None:
    from scipy.spatial.transform import Rotation

    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = Rotation.random(random_state=2).as_matrix(), [1, 2, 3]
    kept, rest = torch.ones(1, 2, 3, dtype=torch.bool), np.eye(4)[None]
    still, moved = (place_gaussians(raw_gaussians(6), kept, rest, target, 2.0)[0] for target in (None, motion[None]))
    r = motion[:3, :3]
    np.testing.assert_allclose(moved.means_m, still.means_m @ r.T + motion[:3, 3], atol=1e-5)
    np.testing.assert_allclose(covariances(moved), r @ covariances(still) @ r.T, atol=1e-4)
    directions = Rotation.random(5, random_state=3).as_matrix()[:, 0]
    colours, turned = (_degree_one(g.harmonics, d) for g, d in ((still, directions), (moved, directions @ r.T)))
    np.testing.assert_allclose(turned, colours, atol=1e-4)


def _degree_one(harmonics: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Colours (G, 3, D) as 3D Gaussian splatting computes them (-y, z, -x)."""
    basis = 0.4886025119029199 * np.stack([-directions[:, 1], directions[:, 2], -directions[:, 0]])
    return 0.28209479177387814 * harmonics[:, :, :1] + harmonics[:, :, 1:4] @ basis


def test_border_sky_and_the_farthest_tenth_are_left_out() -> None:
    depth = torch.arange(64.0 * 64).reshape(1, 64, 64) + 1
    depth[0, 30] = torch.inf
    kept = kept_pixels(depth)[0]
    assert not kept[:2].any()
    assert not kept[-2:].any()
    assert not kept[:, :2].any()
    assert not kept[30].any()
    assert kept[2:30, 2:-2].all()
    assert not kept[58:].any()
    assert not kept_pixels(torch.full((1, 8, 8), torch.inf)).any()


def test_gaussians_of_a_network_without_them_are_refused(estimator: AnyViewDepth) -> None:
    plain = estimator_of("da3-small", build_network("da3-small"), CPU, FLOAT32)
    assert isinstance(plain, AnyViewDepth)
    with pytest.raises(ModelError, match=r"take da3-giant-1\.1 or da3nested"):
        plain.infer_views(VIEWS, gaussians=True)


def test_missing_e3nn_is_named(estimator: AnyViewDepth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"need the package e3nn.*\[gaussians\]"):
        estimator.infer_views(VIEWS, gaussians=True)


def test_checkpoint_with_gaussians_fills_networks_with_and_without_their_head(
    reference: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from depth_anything_3.cfg import create_object

    state = {f"model.{name}": value for name, value in reference.model.state_dict().items()}
    whole = create_object(reduced_giant())
    fill_da3_network(whole, dict(state), tmp_path / "model.safetensors")
    assert torch.equal(whole.gs_head.projects[0].weight, reference.model.gs_head.projects[0].weight)
    plain = build_network("da3-small")
    fill_da3_network(plain, dict(state), tmp_path / "model.safetensors")
    assert not caplog.records
