"""`unity-depth export`: results of estimate, frames of datasets, saved scenes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from export_scenes import scene, true_distance_m
from plyfile import PlyData
from terminal import unity_depth

from unity_depth_perception.cli import export as command
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.export.export_scene import FORMATS, export_scene
from unity_depth_perception.export.result_folder import ResultFolder
from unity_depth_perception.export.result_scene import load_result
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame, PerceptionResult

CAMERA = Camera.from_vertical_fov(math.radians(60), 8, 6)
BLOCK = ObjectDistance(0, "red_cube", (1, 2, 4, 5), DistanceStatistics(1, 1, 1, 1, 1.5))
FLAT = ObjectDistance(1, "red_cube", (1, 2, 4, 5), DistanceStatistics(1, 1, 1, 1, 1), parent_id=0)


def points(path: Path) -> np.ndarray:
    vertices = PlyData.read(str(path))["vertex"]
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


@pytest.fixture
def estimated(tmp_path: Path) -> Path:
    """A folder of results of two images."""
    depth_m = torch.full((6, 8), 2.0)
    depth_m[0, 0], depth_m[1, 1] = math.nan, math.inf
    names = [Path("вид 1.png"), Path("b.png")]
    with ResultFolder(tmp_path / "results", names) as folder:
        for shade, name in enumerate(names):
            frame = Frame(np.full((6, 8, 3), 100 + shade, np.uint8), CAMERA, frame_id=name.name)
            depth = DepthPrediction(depth_m * (1 + shade), is_metric=True, scale_source="cube")
            segmentation = Segmentation(torch.zeros(6, 8, dtype=torch.uint8), (), ())
            folder.add(name, PerceptionResult(frame, None, depth, segmentation, (BLOCK, FLAT), "d", "s"))
    return tmp_path / "results"


def test_estimated_image_keeps_points_colours_camera_and_boxes(estimated: Path, tmp_path: Path) -> None:
    outcome = unity_depth(
        "export", estimated, "--frame", "вид 1.png", "--format", "ply,glb,npz", "--output", tmp_path / "o"
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "unit: m, scale from: cube, axes: right-handed optical frame" in outcome.stdout
    np.testing.assert_allclose(points(tmp_path / "o" / "scene.ply"), points(estimated / "вид 1.ply"), atol=1e-6)
    found = load_result(tmp_path / "o" / "scene.npz")
    assert found.views[0].camera == CAMERA
    assert found.views[0].image is not None
    assert found.views[0].image[2, 2].tolist() == [100, 100, 100]
    (box,) = found.objects  # an object without extent has no box
    np.testing.assert_allclose(box.world_from_box[2, 3], 1.25)
    np.testing.assert_allclose(box.size_m, [3 / CAMERA.fx, 3 / CAMERA.fy, 0.5])


def test_frame_of_a_dataset_is_in_its_world(tmp_path: Path) -> None:
    made = unity_depth("synthesize", tmp_path / "data", "--count", "2", "--seed", "3", "--size", "64x48")
    assert made.returncode == 0, made.stderr
    outcome = unity_depth(
        "export",
        tmp_path / "data",
        "--frame",
        "00001.png",
        "--format",
        "ply,mp4",
        "--output",
        tmp_path / "out",
        "--json",
    )
    assert outcome.returncode == 0, outcome.stderr
    said = json.loads(outcome.stdout)
    assert (said["world"], said["unit"], said["scale_source"]) == ("z_up", "m", "given")
    assert said["files"] == {"ply": str(tmp_path / "out" / "scene.ply"), "mp4": str(tmp_path / "out" / "depth.mp4")}
    heights = points(tmp_path / "out" / "scene.ply")[:, 2]
    assert heights.min() > -1e-4  # the floor is at z = 0
    assert np.mean(heights < 1e-3) > 0.05


def test_saved_scene_is_exported_to_every_format(tmp_path: Path) -> None:
    export_scene(scene(), tmp_path / "scene.npz", ["npz"])
    names = [name for name in FORMATS if name != "gs_mp4"]
    outcome = unity_depth("export", tmp_path / "scene.npz", "--format", ",".join(names), "--output", tmp_path / "o")
    assert outcome.returncode == 0, outcome.stderr
    assert {FORMATS[name][0] for name in names} <= {path.name for path in (tmp_path / "o").iterdir()}
    assert true_distance_m(points(tmp_path / "o" / "scene.ply")).max() < 1e-5
    again = unity_depth(
        "export", tmp_path / "scene.npz", "--output", tmp_path / "room.glb", "--mesh", "--no-show-cameras"
    )
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "room.glb").is_file()


def test_interrupted_export_keeps_what_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    export_scene(scene(), tmp_path / "scene.npz", ["npz"])
    monkeypatch.setattr("trimesh.Scene.export", interrupted)
    outcome = unity_depth("export", tmp_path / "scene.npz", "--format", "ply,glb,mp4", "--output", tmp_path / "o")
    assert outcome.returncode == 130
    assert "interrupted; what is in" in outcome.stderr
    assert [path.name for path in (tmp_path / "o").glob("[!.]*")] == ["scene.ply"]


def test_formats_of_the_help_are_those_of_the_package() -> None:
    assert command._FORMATS.split(", ") == list(FORMATS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is nothing here"),
        (["results"], "one of 2 images (--frame): вид 1.png, b.png"),
        (["results", "--frame", "c.png"], "got 'c.png'; it has вид 1.png, b.png"),
        (["results", "--frame", "b.png", "--format", "obj"], "expected formats of ply"),
        (["results", "--frame", "b.png", "--format", "gs_ply"], "with Gaussians, got none"),
        (["results", "--frame", "b.png", "--format", "ply,gs_mp4"], "gsplat and a CUDA GPU"),
    ],
)
def test_what_cannot_be_exported_is_said_with_exit_code_2(
    estimated: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    outcome = unity_depth("export", tmp_path / arguments[0], *arguments[1:], "--output", tmp_path / "out")
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert not list((tmp_path / "out").glob("scene*"))


def test_damaged_results_are_refused(estimated: Path, tmp_path: Path) -> None:
    cloud = estimated / "b.ply"
    cloud.write_bytes(cloud.read_bytes()[:150])
    with pytest.raises(InputError, match=r"b\.ply: expected the cloud"):
        load_result(estimated, "b.png")
    cloud.unlink()
    assert load_result(estimated, "b.png").views[0].image is None
    (estimated / "results.json").write_text('{"images": [{"image": "b.png"}]}')
    with pytest.raises(InputError, match="expected results of unity-depth estimate"):
        load_result(estimated, "b.png")
    export_scene(scene(), tmp_path / "scene.npz", ["npz"])
    with pytest.raises(InputError, match="exported whole"):
        load_result(tmp_path / "scene.npz", "b.png")


def test_frame_without_depth_is_refused(tmp_path: Path) -> None:
    made = unity_depth("synthesize", tmp_path / "data", "--count", "1", "--size", "64x48")
    assert made.returncode == 0, made.stderr
    for path in (tmp_path / "data" / "depth").iterdir():
        path.unlink()
    assert cv2.imread(str(tmp_path / "data" / "images" / "00000.png")) is not None
    with pytest.raises(InputError, match="expected a frame with depth"):
        load_result(tmp_path / "data")
