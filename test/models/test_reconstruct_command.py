"""`unity-depth reconstruct` as a person calls it: every kind of source, what it says, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from da3_networks import CPU, SMALL, Known
from room_views import distance_to_surfaces, exact_view, room_scenes
from terminal import unity_depth

from unity_depth_perception.core.errors import ConfigurationError, DatasetError, InputError
from unity_depth_perception.core.pose import pose_from_matrix
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.models import registry
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.reconstruction.sources.keyframes import choose_keyframes
from unity_depth_perception.reconstruction.sources.open_views import open_views, read_poses

SCENES = room_scenes(5, turn=0.3)
FOV = ("--vertical-fov", "60")
SMALL_SCENE = ("--process-res", "80", "--voxel", "0.03")


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


@pytest.fixture(scope="module")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The poses of the dataset's images as a file."""
    path = tmp_path_factory.mktemp("poses") / "poses.json"
    pairs = [pose_from_matrix(scene.world_from_camera) for scene in SCENES]
    path.write_text(json.dumps({f"{k:05d}.png": {"position": p, "orientation": q} for k, (p, q) in enumerate(pairs)}))
    return path


@pytest.fixture
def any_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """An any-view network that returns a known function stands in for da3-small."""
    network = Known(0.0, 100.0)
    monkeypatch.setattr(
        registry, "create_depth_estimator", lambda *arguments: AnyViewDepth("da3-small", CPU, network, SMALL)
    )


@pytest.fixture(scope="module")
def truth(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The scene of the dataset's true depth, and what the command said."""
    folder = tmp_path_factory.mktemp("truth")
    arguments = (
        "--depth-model",
        "truth",
        "--output",
        folder,
        "--format",
        "npz,ply,colmap",
        "--json",
        "--voxel",
        "0.012",
    )
    result = unity_depth("reconstruct", dataset, *arguments)
    assert result.returncode == 0, result.stderr
    return folder, json.loads(result.stdout)


def test_dataset_with_true_depth_becomes_a_metric_scene(truth: tuple[Path, dict[str, object]]) -> None:
    folder, report = truth
    assert (report["views"], report["images"], report["source"]) == (5, 5, "dataset")
    assert (report["scale"], report["scale_source"]) == ("true depth and given poses", "given")
    assert (report["unit"], report["world"]) == ("m", "z_up")
    assert all((folder / name).exists() for name in report["files"])  # type: ignore[attr-defined]
    assert json.loads((folder / "reconstruction.json").read_text()) == report
    points = load_scene(folder / "scene.npz").points_m
    assert len(points) == report["points"] > 1000  # type: ignore[operator]
    assert np.quantile(distance_to_surfaces(SCENES[0], points.astype(float)), 0.98) < 0.005
    picture = cv2.imread(str(folder / "scene.png"))
    assert picture.shape == (720, 1440, 3)
    assert picture.std() > 10


def test_second_call_asks_before_it_overwrites(truth: tuple[Path, dict[str, object]], dataset: Path) -> None:
    result = unity_depth("reconstruct", dataset, "--depth-model", "truth", "--output", truth[0])
    assert result.returncode == 2
    assert "--overwrite" in result.stderr


def test_images_with_a_file_of_poses_agree_by_them(dataset: Path, poses: Path, tmp_path: Path) -> None:
    arguments = (*FOV, "--poses", poses, "--depth-model", "floor-plane", "--output", tmp_path, *SMALL_SCENE)
    result = unity_depth("reconstruct", dataset / "images", *arguments)
    assert result.returncode == 0, result.stderr
    assert "5 of 5 views" in result.stdout
    assert "scale from: metric model" in result.stdout
    assert json.loads((tmp_path / "reconstruction.json").read_text())["scale_factors"]["min"] > 0.5


@pytest.mark.usefixtures("any_view")
def test_images_without_poses_have_no_unit(dataset: Path, tmp_path: Path) -> None:
    images = sorted((dataset / "images").iterdir())
    arguments = ("--depth-model", "da3-small", "--window", "3", "--overlap", "2", *SMALL_SCENE)
    result = unity_depth(
        "reconstruct", *images, *arguments, "--output", tmp_path, "--min-views", "1", "--format", "glb"
    )
    assert result.returncode == 0, result.stderr
    assert "scale from: none; world: right-handed optical frame" in result.stdout
    assert (tmp_path / "scene.glb").stat().st_size > 1000


@pytest.mark.usefixtures("any_view")
def test_colmap_model_gives_cameras_and_poses(truth: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    folder = truth[0] / "colmap"
    views = open_views([folder])
    view = views.read(3)
    assert (views.kind, len(views), views.poses_in_metres) == ("colmap", 5, False)
    assert view.camera is not None
    assert view.camera.k == pytest.approx(SCENES[3].camera.k)
    assert view.world_from_camera == pytest.approx(SCENES[3].world_from_camera, abs=1e-6)
    arguments = ("--depth-model", "da3-small", "--min-views", "1", *SMALL_SCENE, "--json")
    result = unity_depth("reconstruct", folder, *arguments, "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["source"], report["scale_source"], report["world"]) == ("colmap", "none", "given")
    metric = unity_depth("reconstruct", folder, *arguments, "--output", tmp_path, "--poses-in-metres", "--overwrite")
    assert json.loads(metric.stdout)["scale"] == "given poses"


def test_colmap_model_without_pycolmap_says_what_to_install(
    truth: tuple[Path, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(ConfigurationError, match=r"pip install unity-depth-perception\[export\]"):
        open_views([truth[0] / "colmap"])


def test_damaged_colmap_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sparse").mkdir()
    (tmp_path / "sparse" / "cameras.txt").write_text("no cameras")
    with pytest.raises(DatasetError, match="COLMAP model"):
        open_views([tmp_path])


def test_metric_model_refuses_poses_without_a_unit(truth: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    arguments = ("--depth-model", "floor-plane", "--output", tmp_path)
    result = unity_depth("reconstruct", truth[0] / "colmap", *arguments)
    assert result.returncode == 2
    assert "--poses-in-metres" in result.stderr


def test_video_gives_keyframes_by_motion(tmp_path: Path) -> None:
    """Ten frames a second; the camera stands still for ten frames, then moves."""
    path = tmp_path / "walk.avi"
    scenes = room_scenes(60, width=320, height=240)
    pictures = [exact_view(scene).image.numpy() for scene in scenes[:10]]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    for picture in [pictures[0]] * 10 + pictures:
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
    views = open_views([path], fps=5)
    assert (views.kind, views.is_stream, len(views)) == ("video", True, 10)
    kept = [view.name for view in choose_keyframes(map(views.read, range(10)))]
    assert kept[0] == "walk_000000.png"
    assert not {"walk_000002.png", "walk_000004.png", "walk_000008.png"} & set(kept)
    assert 2 <= len(kept) <= 6


def test_keyframes_of_known_poses_are_a_step_apart(dataset: Path) -> None:
    views = open_views([dataset])
    every = [views.read(k) for k in range(5)]
    assert choose_keyframes([every[0]] * 3 + every, step_m=1e-3)[1:] == every[1:]
    assert choose_keyframes(every[:1]) == every[:1]


def test_views_are_bounded_with_their_cameras(dataset: Path) -> None:
    view = open_views([dataset]).read(0)
    small = view.bounded(80)
    assert small.image.shape == (60, 80, 3)
    assert small.camera == SCENES[0].camera.resized(80, 60)
    assert small.depth_m is not None
    assert small.depth_m.shape == (60, 80)
    assert view.bounded(160) is view


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["IMAGES", "--depth-model", "truth"], "true depth, from a dataset"),
        (["IMAGES", "--depth-model", "floor-plane", *FOV], "needs the pose of each of several views"),
        (["DATA", "--depth-model", "best"], "unknown depth model 'best'"),
        (["DATA", "--depth-model", "truth", "--format", "obj"], "expected formats of ply"),
        (["IMAGES", "--poses", "nowhere.json", *FOV], "nowhere.json"),
        (["IMAGES", "--poses", "POSES", "--depth-model", "floor-plane"], "--vertical-fov DEG"),
        (["DATA", "--depth-model", "truth", "--colmap-model", "sparse/1"], "expected a COLMAP model"),
        (["DATA", "--depth-model", "truth", "--voxel", "0.00001"], "give larger ones"),
    ],
)
def test_bad_input_is_explained(arguments: list[str], message: str, dataset: Path, poses: Path, tmp_path: Path) -> None:
    places = {"DATA": dataset, "IMAGES": dataset / "images", "POSES": poses}
    words = [places.get(word, word) for word in arguments]
    result = unity_depth("reconstruct", *words, "--output", tmp_path / "out")
    assert result.returncode == 2
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


def test_poses_must_name_every_view(dataset: Path, poses: Path, tmp_path: Path) -> None:
    some = tmp_path / "some.json"
    some.write_text(json.dumps(dict(list(json.loads(poses.read_text()).items())[:3])))
    with pytest.raises(InputError, match=r"missing \['00003.png', '00004.png'\]"):
        open_views([dataset], poses=read_poses(some))
    some.write_text('{"a.png": [1, 2]}')
    with pytest.raises(InputError, match=r"a.png: expected position and orientation, got \[1, 2\]"):
        read_poses(some)


def test_bag_gives_its_keyframes_with_poses_and_true_depth(tmp_path: Path) -> None:
    """A tour as a bag: the camera's own intrinsics, poses and depth; frames that barely move are left out."""
    bag = tmp_path / "data"
    made = unity_depth("synthesize", bag, "--tour", "12", "--size", "96x72", "--seed", "3", "--bag", "mcap")
    assert made.returncode == 0, made.stderr
    views = open_views([bag])
    view = views.read(0)
    assert (views.kind, len(views)) == ("bag", 12)
    assert view.camera is not None
    assert view.world_from_camera is not None
    assert view.depth_m is not None
    result = unity_depth(
        *("reconstruct", bag, "--depth-model", "truth", "--voxel", "0.03", "--json", "--output", tmp_path / "out")
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["scale"] == "true depth and given poses"
