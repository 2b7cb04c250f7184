"""`unity-depth reconstruct` as a person calls it: every kind of source, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from room_views import distance_to_surfaces, exact_view, room_scenes
from terminal import unity_depth

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.export.formats.npz import load_scene

SCENES = room_scenes(5, turn=0.3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of five views of one room with exact depth and poses."""
    folder = tmp_path_factory.mktemp("room") / "data"
    with DatasetWriter(folder, SCENES[0].camera) as writer:
        for k, scene in enumerate(SCENES):
            view = exact_view(scene)
            depth, pose = view.depth_m.numpy(), scene.world_from_camera
            instances = np.zeros(depth.shape, np.uint16)
            writer.add(Sample(f"{k:05d}.png", view.image.numpy(), scene.camera, (), depth, instances, pose))
    return folder


def test_dataset_with_true_depth_becomes_a_metric_scene(dataset: Path, tmp_path: Path) -> None:
    result = unity_depth(
        "reconstruct", dataset, "--depth-model", "truth", "--output", tmp_path, "--format", "npz,ply,colmap", "--json"
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["views"] == 5
    assert (report["scale"], report["scale_source"]) == ("true depth and given poses", "given")
    assert (report["unit"], report["world"], report["source"]) == ("m", "z_up", "dataset")
    assert all((tmp_path / name).exists() for name in report["files"])
    assert json.loads((tmp_path / "reconstruction.json").read_text()) == report
    points = load_scene(tmp_path / "scene.npz").points_m
    assert len(points) == report["points"] > 1000
    assert np.quantile(distance_to_surfaces(SCENES[0], points.astype(float)), 0.98) < 0.005
    picture = cv2.imread(str(tmp_path / "scene.png"))
    assert picture.shape == (720, 1440, 3)
    assert picture.std() > 10
