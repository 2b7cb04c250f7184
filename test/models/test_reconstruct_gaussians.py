"""`unity-depth reconstruct --format gs_ply`: Gaussians of a reduced giant with random weights, in the poses' world."""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("DA3_LOG_LEVEL", "ERROR")  # it prints to the standard output

import numpy as np
import pytest
import torch
from da3_networks import CPU, reduced_giant, spread
from plyfile import PlyData
from room_views import exact_view, room_scenes
from terminal import unity_depth

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.export.formats.gaussian_ply import read_gaussian_ply
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.models import registry
from unity_depth_perception.models.depth_anything_3 import gaussians as gaussian_module
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, estimator_of
from unity_depth_perception.models.depth_anything_3.gaussians import move_gaussians, require_gaussian_model
from unity_depth_perception.models.protocols import ViewsPrediction
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.reconstruction.windows import WindowConfig, infer_windows

VIEWS = [exact_view(scene) for scene in room_scenes(5, turn=0.3, width=112, height=84)]
OPTIONS = DepthOptions(size_px=112, precision="float32", gaussians=True)
GIANT = ("--depth-model", "da3-giant-1.1", "--min-views", "1", "--voxel", "0.2")


@pytest.fixture(scope="module")
def giant() -> AnyViewDepth:
    """A reduced giant in place of the published one, for all calls of the module."""
    pytest.importorskip("e3nn", reason="turns the Gaussians' colours")
    from depth_anything_3.cfg import create_object

    found = estimator_of("da3-giant-1.1", spread(create_object(reduced_giant())), CPU, OPTIONS)
    assert isinstance(found, AnyViewDepth)
    return found


@pytest.fixture
def loaded(giant: AnyViewDepth, monkeypatch: pytest.MonkeyPatch) -> list[DepthOptions]:
    """The options with which the command has loaded the model."""
    options: list[DepthOptions] = []
    monkeypatch.setattr(registry, "create_depth_estimator", lambda *given: options.append(given[3]) or giant)
    return options


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of five views with poses."""
    folder = tmp_path_factory.mktemp("room") / "data"
    with DatasetWriter(folder, VIEWS[0].camera) as writer:
        for k, view in enumerate(VIEWS):
            depth, instances = view.depth_m.numpy(), np.zeros(view.depth_m.shape, np.uint16)
            writer.add(
                Sample(f"{k:05d}.png", view.image.numpy(), view.camera, (), depth, instances, view.world_from_camera)
            )
    return folder


def assert_equal(found: Gaussians, expected: Gaussians) -> None:
    for name in ("means_m", "scales_m", "opacities", "harmonics"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5)


def test_gaussians_of_known_poses_are_metric_and_in_their_world(
    giant: AnyViewDepth, loaded: list[DepthOptions], dataset: Path, tmp_path: Path
) -> None:
    outcome = unity_depth(
        "reconstruct", dataset, *GIANT, "--output", tmp_path / "out", "--format", "gs_ply,npz", "--json"
    )
    assert outcome.returncode == 0, outcome.stderr
    report = json.loads(outcome.stdout)
    assert loaded[0].gaussians
    assert (report["unit"], report["scale"], report["world"]) == ("m", "given poses", "z_up")
    comments = PlyData.read(str(tmp_path / "out" / "gaussians.ply")).comments
    assert {"unit m", "scale_source poses", "world z_up"} <= set(comments)
    images, poses = [view.image for view in VIEWS], np.stack([view.world_from_camera for view in VIEWS])
    expected = giant.infer_views(images, [view.camera for view in VIEWS], poses, gaussians=True)
    assert expected.gaussians is not None
    assert sum(expected.gaussian_counts) == len(expected.gaussians) == report["gaussians"] > 100
    assert_equal(read_gaussian_ply(tmp_path / "out" / "gaussians.ply"), expected.gaussians)
    saved = load_scene(tmp_path / "out" / "scene.npz").gaussians
    assert saved is not None
    np.testing.assert_array_equal(saved.means_m, expected.gaussians.means_m)


def test_windows_give_the_gaussians_of_each_view_once(
    giant: AnyViewDepth, loaded: list[DepthOptions], dataset: Path, tmp_path: Path
) -> None:
    arguments = ("--output", tmp_path / "out", "--format", "gs_ply", "--window", "3", "--overlap", "1", "--json")
    outcome = unity_depth("reconstruct", dataset, *GIANT, *arguments)
    assert outcome.returncode == 0, outcome.stderr
    images, poses = [view.image for view in VIEWS], np.stack([view.world_from_camera for view in VIEWS])
    cameras = [view.camera for view in VIEWS]
    parts = [giant.infer_views(images[s], cameras[s], poses[s], gaussians=True) for s in (slice(3), slice(2, 5))]
    assert parts[0].gaussians is not None
    assert parts[1].gaussians is not None
    new = parts[1].gaussians.only(slice(parts[1].gaussian_counts[0], None))
    found = read_gaussian_ply(tmp_path / "out" / "gaussians.ply")
    assert_equal(found, Gaussians.concatenate([parts[0].gaussians, new]))


def test_one_image_has_gaussians_in_its_optical_frame(
    loaded: list[DepthOptions], dataset: Path, tmp_path: Path
) -> None:
    image = dataset / "images" / "00000.png"
    arguments = ("--output", tmp_path / "out", "--format", "gs_ply", "--json")
    outcome = unity_depth("reconstruct", image, *GIANT, *arguments)
    assert outcome.returncode == 0, outcome.stderr
    report = json.loads(outcome.stdout)
    assert (report["unit"], report["world"]) == ("none", "optical")
    assert report["gaussians"] > 100


def test_windows_of_own_frames_are_brought_into_the_first_ones() -> None:
    """Each window comes in a unit and a frame of its own; a Gaussian marks the middle of each view."""
    pytest.importorskip("e3nn", reason="turns the Gaussians' colours")
    generator = np.random.default_rng(0)

    def infer(window: range) -> ViewsPrediction:
        unit, turn = 1 + 0.3 * window.start, matrix_from_pose([0.1 * window.start, 0, 0], [0, 0.1 * window.start, 0, 1])
        parts = [VIEWS[k] for k in window]
        poses = np.stack([turn @ view.world_from_camera for view in parts])
        poses[:, :3, 3] *= unit
        middles = np.stack([pose[:3, :3] @ [0, 0, unit] + pose[:3, 3] for pose in poses])
        count = len(parts)
        spread_m = np.full((count, 3), 0.01 * unit, np.float32)
        turns = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
        marks = Gaussians(
            middles.astype(np.float32), spread_m, turns, np.full(count, 0.5, np.float32),
            generator.normal(size=(count, 3, 4)).astype(np.float32),
        )  # fmt: skip
        depth = torch.stack([view.depth_m for view in parts]) * unit
        cameras = tuple(view.camera for view in parts)
        return ViewsPrediction(depth, torch.ones_like(depth), cameras, poses, False, marks, (1,) * count)

    found = infer_windows(infer, 5, WindowConfig(3, 2), aligned=False).gaussians
    assert found is not None
    middles = [v.world_from_camera[:3, 2] + v.world_from_camera[:3, 3] for v in VIEWS]
    np.testing.assert_allclose(found.means_m, middles, atol=2e-3)
    np.testing.assert_allclose(found.scales_m, 0.01, rtol=2e-3)
    assert len(np.unique(found.rotations.round(3), axis=0)) > 1


def test_similarity_of_identity_changes_nothing() -> None:
    pytest.importorskip("e3nn", reason="turns the Gaussians' colours")
    from export_scenes import gaussians

    assert_equal(move_gaussians(gaussians(), 1.0, np.eye(4)), gaussians())


@pytest.mark.parametrize("model", ["compact", "truth", "da3-small"])
def test_model_without_gaussians_is_refused_before_anything_is_read(model: str, dataset: Path, tmp_path: Path) -> None:
    arguments = ("--depth-model", model, "--format", "gs_ply", "--output", tmp_path / "out")
    outcome = unity_depth("reconstruct", dataset, *arguments)
    assert outcome.returncode == 2
    assert "expected the depth model da3-giant-1.1 or da3nested-giant-large-1.1" in outcome.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_missing_e3nn_is_named_before_weights_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install unity-depth-perception\[gaussians\]"):
        require_gaussian_model("da3-giant-1.1")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
@pytest.mark.parametrize("command", ["reconstruct", "export"])
def test_video_of_gaussians_is_refused_in_one_sentence_without_its_renderer(
    command: str, dataset: Path, tmp_path: Path
) -> None:
    model = GIANT if command == "reconstruct" else ()
    outcome = unity_depth(command, dataset, *model, "--format", "gs_mp4", "--output", tmp_path / "out")
    assert outcome.returncode == 2
    said = " ".join(outcome.stderr.split())
    assert "format gs_mp4: a video of Gaussians needs gsplat and a CUDA GPU" in said
    assert "export gs_ply" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
