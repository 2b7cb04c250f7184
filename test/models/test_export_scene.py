"""Exports of a scene: agreement between the formats, round trips through the libraries that read them, faults."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest
import trimesh
from export_scenes import CAMERA, gaussians, scene, true_distance_m, view
from plyfile import PlyData

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export import export_scene as exports
from unity_depth_perception.export.export_scene import FORMATS, ExportOptions, export_scene
from unity_depth_perception.export.formats import depth_video
from unity_depth_perception.export.formats.glb import GLTF_FROM_WORLD, WORLD_NODE
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.export.scene import Scene

HERE = [name for name in FORMATS if name != "gs_mp4"]
OBJECTS = scene().objects
TOLERANCE_M = 1e-5


def ply_points(path: Path) -> np.ndarray:
    vertices = PlyData.read(str(path))["vertex"]
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


def glb_points(path: Path, name: str = "cloud") -> np.ndarray:
    """Points in the scene's world, by the matrix that the file states."""
    content = trimesh.load(path)
    gltf_from_local, geometry = content.graph[name]
    points = trimesh.transform_points(content.geometry[geometry].vertices, gltf_from_local)
    return trimesh.transform_points(points, np.linalg.inv(content.metadata["gltf_from_world"]))


def colmap_points(model: pycolmap.Reconstruction) -> np.ndarray:
    return np.array([model.point3D(k).xyz for k in sorted(model.point3D_ids())])


def assert_equal_scenes(one: Scene, other: Scene) -> None:
    for item in (one, other):
        assert type(item) is Scene
    for name in ("points_m", "colours", "normals", "confidence", "world", "scale_source", "is_metric"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for a, b in zip(one.views, other.views, strict=True):
        assert (a.name, a.camera) == (b.name, b.camera)
        for name in ("world_from_camera", "depth_m", "image", "confidence"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for a, b in zip(one.objects, other.objects, strict=True):
        assert (a.category, a.size_m, a.parent, a.score) == (b.category, b.size_m, b.parent, b.score)
        np.testing.assert_array_equal(a.world_from_box, b.world_from_box)
    assert (one.gaussians is None) == (other.gaussians is None)
    if one.gaussians is not None and other.gaussians is not None:
        for name in Gaussians.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one.gaussians, name), getattr(other.gaussians, name))


def test_formats_agree_with_each_other_and_with_the_truth(tmp_path: Path) -> None:
    written = export_scene(scene(), tmp_path / "out", HERE)
    assert [path.name for path in written] == [FORMATS[name][0] for name in HERE]
    points = ply_points(tmp_path / "out" / "scene.ply")
    assert len(points) == 3 * (48 * 34 - 5)
    assert true_distance_m(points).max() < TOLERANCE_M
    assert np.abs(glb_points(tmp_path / "out" / "scene.glb") - points).max() < TOLERANCE_M
    for folder in ("colmap", "colmap_bin"):
        model = pycolmap.Reconstruction(tmp_path / "out" / folder / "sparse" / "0")
        assert np.abs(colmap_points(model) - points).max() < TOLERANCE_M
    stored = np.load(tmp_path / "out" / "scene_mini.npz")
    columns, rows = np.meshgrid(np.arange(48), np.arange(36))
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    again = []  # as depth_anything_3's own exporters do it: integer pixels, K, camera from world
    for depth, k, extrinsic in zip(
        np.nan_to_num(stored["depth"], nan=0, posinf=0), stored["intrinsics"], stored["extrinsics"], strict=True
    ):
        local = (np.linalg.inv(k) @ pixels.T) * depth.ravel()
        again.append((extrinsic[:, :3].T @ (local - extrinsic[:, 3:])).T[depth.ravel() > 0])
    assert np.abs(np.concatenate(again) - points).max() < TOLERANCE_M


def test_npz_gives_the_scene_back(tmp_path: Path) -> None:
    cloud = {"points_m": np.eye(3, dtype=np.float32), "colours": np.eye(3, dtype=np.uint8)}
    whole = scene(**cloud, normals=np.eye(3, dtype=np.float32), confidence=np.ones(3, np.float32))
    small = Camera.from_vertical_fov(1.0, 20, 10)
    bare = view(3, name="b.jpg", camera=small, depth_m=None, image=None, confidence=None)
    for number, given in enumerate((whole, scene(gaussians=None, views=(view(0), bare)), scene(views=(), objects=()))):
        export_scene(given, tmp_path / f"{number}.npz", ["npz"])
        assert_equal_scenes(load_scene(tmp_path / f"{number}.npz"), given)


def test_npz_has_the_keys_and_shapes_of_depth_anything_3(tmp_path: Path) -> None:
    export_scene(scene(), tmp_path, ["npz", "mini_npz"])
    shapes = {"depth": (3, 36, 48), "conf": (3, 36, 48), "extrinsics": (3, 3, 4), "intrinsics": (3, 3, 3)}
    mini = np.load(tmp_path / "scene_mini.npz")
    assert {name: mini[name].shape for name in mini.files if name != "metadata"} == shapes
    full = np.load(tmp_path / "scene.npz")
    assert {name: full[name].shape for name in [*shapes, "image"]} == shapes | {"image": (3, 36, 48, 3)}
    assert json.loads(str(full["metadata"]))["axes"] == "right-handed, z up (ROS, REP 103)"


def test_ply_keeps_normals_confidence_unit_and_axes(tmp_path: Path) -> None:
    normals = np.float32([[0, 0, 1], [0, 1, 0]])
    given = scene(
        points_m=np.float32([[1, 2, 3], [4, 5, 6]]),
        colours=np.uint8([[1, 2, 3], [4, 5, 6]]),
        normals=normals,
        confidence=np.float32([1, 2]),
        is_metric=False,
        scale_source="none",
    )
    export_scene(given, tmp_path / "a.ply", ["ply"])
    data = PlyData.read(str(tmp_path / "a.ply"))
    np.testing.assert_array_equal(np.stack([data["vertex"][f"n{axis}"] for axis in "xyz"], axis=1), normals)
    assert data["vertex"]["confidence"].tolist() == [1, 2]
    assert {"unit none", "scale_source none", "axes right-handed, z up (ROS, REP 103)"} <= set(data.comments)
    loaded = trimesh.load(tmp_path / "a.ply")
    np.testing.assert_array_equal(loaded.vertices, given.points_m)
    np.testing.assert_array_equal(loaded.colors[:, :3], given.colours)


def test_subsampling_is_seeded_and_the_same_in_every_format(tmp_path: Path) -> None:
    for run, seed in enumerate((0, 0, 1)):
        export_scene(scene(), tmp_path / str(run), ["ply", "glb", "colmap"], ExportOptions(max_points=100, seed=seed))
    first, again, other = (ply_points(tmp_path / run / "scene.ply") for run in "012")
    assert len(first) == 100
    assert (tmp_path / "0" / "scene.glb").read_bytes() == (tmp_path / "1" / "scene.glb").read_bytes()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(glb_points(tmp_path / "0" / "scene.glb") - first).max() < TOLERANCE_M
    model = pycolmap.Reconstruction(tmp_path / "0" / "colmap" / "sparse" / "0")
    assert np.abs(colmap_points(model) - first).max() < TOLERANCE_M


@pytest.mark.parametrize("world", ["z_up", "optical", "unity"])
def test_glb_turns_the_world_upright_and_keeps_its_origin(tmp_path: Path, world: str) -> None:
    up = {"optical": [0, -1, 0]}.get(world, [0, 0, 1])
    np.testing.assert_array_equal(np.array(GLTF_FROM_WORLD[world]) @ up, [0, 1, 0])
    assert np.linalg.det(GLTF_FROM_WORLD[world]) == pytest.approx(1)
    export_scene(scene(world=world), tmp_path / "a.glb", ["glb"])
    content = trimesh.load(tmp_path / "a.glb")
    matrix, _ = content.graph[WORLD_NODE]
    np.testing.assert_allclose(matrix, content.metadata["gltf_from_world"], atol=1e-12)
    np.testing.assert_array_equal(matrix[:3, 3], 0)
    assert content.metadata["world"] == world
    assert content.metadata["unit"] == "m"


def test_glb_has_cameras_and_boxes_at_their_poses(tmp_path: Path) -> None:
    export_scene(scene(), tmp_path / "a.glb", ["glb"])
    content = trimesh.load(tmp_path / "a.glb")
    gltf_from_world = np.array(content.metadata["gltf_from_world"])
    for item in scene().views:
        name = f"camera_{item.name}"
        np.testing.assert_allclose(content.graph[name][0], gltf_from_world @ item.world_from_camera, atol=TOLERANCE_M)
        rim = content.geometry[content.graph[name][1]].vertices
        rim = rim[rim[:, 2] > 0]
        assert {tuple(np.round(p).astype(int)) for p in 2 * (CAMERA.project(rim) + 0.5)} == {
            (0, 0), (96, 0), (0, 72), (96, 72)
        }  # fmt: skip
    box = glb_points(tmp_path / "a.glb", "object_0_red_cube")
    np.testing.assert_allclose([box.min(axis=0), box.max(axis=0)], [[1.5, -0.2, 0.1], [1.9, 0.2, 0.5]], atol=1e-6)
    export_scene(scene(), tmp_path / "bare.glb", ["glb"], ExportOptions(show_cameras=False))
    assert not [name for name in trimesh.load(tmp_path / "bare.glb").geometry if name.startswith("camera")]


def test_mesh_is_cut_at_the_block_and_faces_the_camera(tmp_path: Path) -> None:
    export_scene(scene(views=(view(1),)), tmp_path / "a.glb", ["glb"], ExportOptions(as_mesh=True))
    mesh = trimesh.load(tmp_path / "a.glb").geometry["mesh_00001.png"]
    x = mesh.vertices[mesh.faces][..., 0]
    assert np.ptp(x, axis=1).max() < TOLERANCE_M  # no triangle between block and wall
    assert set(np.unique(np.round(x, 4))) == {1.5, 2.0}
    assert (mesh.face_normals[:, 0] < -0.99).all()
    assert len(mesh.faces) > 0.8 * 2 * 47 * 33


def test_mesh_has_at_most_the_vertices_asked_for(tmp_path: Path) -> None:
    export_scene(scene(), tmp_path / "a.glb", ["glb"], ExportOptions(as_mesh=True, max_points=500))
    content = trimesh.load(tmp_path / "a.glb")
    counts = [len(g.vertices) for name, g in content.geometry.items() if name.startswith("mesh")]
    assert len(counts) == 3
    assert 250 < sum(counts) <= 500


def test_colmap_model_has_the_cameras_poses_and_true_tracks(tmp_path: Path) -> None:
    given = scene()
    export_scene(given, tmp_path, ["colmap"], ExportOptions(max_points=400))
    model = pycolmap.Reconstruction(tmp_path / "colmap" / "sparse" / "0")
    assert model.num_reg_images() == 3
    for index, item in enumerate(given.views, start=1):
        camera, image = model.camera(index), model.image(index)
        assert camera.model_name == "PINHOLE"
        assert camera.params.tolist() == [50, 52, 23.5, 17.75]
        assert image.name == item.name
        np.testing.assert_allclose(image.cam_from_world().matrix(), item.camera_from_world[:3], atol=1e-9)
    lengths = []
    for point in model.points3D.values():
        lengths.append(point.track.length())
        for element in point.track.elements:
            image = model.image(element.image_id)
            pixel = image.points2D[element.point2D_idx].xy
            np.testing.assert_allclose(image.project_point(point.xyz), pixel, atol=1e-4)
            column, row = np.round(pixel - 0.5).astype(int)
            depth = given.views[element.image_id - 1].depth_m[row, column]
            assert abs(depth - (image.cam_from_world() * point.xyz)[2]) < 0.02 * depth
    assert min(lengths) >= 1
    assert np.mean(lengths) > 1.5
    assert {path.name for path in (tmp_path / "colmap" / "images").iterdir()} == {v.name for v in given.views}


def test_colmap_points_behind_the_block_are_not_seen_through_it(tmp_path: Path) -> None:
    behind = scene(points_m=np.float32([[1.5, 0, 0.3], [2.0, 0, 0.3]]), colours=np.zeros((2, 3), np.uint8))
    export_scene(behind, tmp_path, ["colmap_bin"])
    model = pycolmap.Reconstruction(tmp_path / "colmap_bin" / "sparse" / "0")
    assert [model.point3D(k).track.length() for k in sorted(model.point3D_ids())] == [3, 0]


def test_gaussian_ply_gives_the_gaussians_back(tmp_path: Path) -> None:
    from unity_depth_perception.export.formats.gaussian_ply import read_gaussian_ply

    for degree in (0, 1, 2, 3):
        given = gaussians(degree=degree)
        export_scene(scene(gaussians=given), tmp_path / f"{degree}.ply", ["gs_ply"])
        found = read_gaussian_ply(tmp_path / f"{degree}.ply")
        for name in Gaussians.__dataclass_fields__:
            np.testing.assert_allclose(getattr(found, name), getattr(given, name), rtol=2e-5, atol=1e-6)
    export_scene(scene(), tmp_path / "low.ply", ["gs_ply"], ExportOptions(harmonics_degree=0))
    assert read_gaussian_ply(tmp_path / "low.ply").degree == 0
    with pytest.raises(InputError, match="expected Gaussians"):
        read_gaussian_ply(tmp_path / "no.ply")


@pytest.mark.parametrize(("degree", "dc_only"), [(2, False), (0, True)])
def test_gaussian_ply_is_that_of_depth_anything_3(tmp_path: Path, degree: int, dc_only: bool) -> None:
    torch = pytest.importorskip("torch")
    helpers = pytest.importorskip("depth_anything_3.utils.gsply_helpers")
    given = gaussians()
    export_scene(scene(), tmp_path / "ours.ply", ["gs_ply"], ExportOptions(harmonics_degree=degree))
    arrays = {"means": given.means_m, "scales": given.scales_m, "rotations": given.rotations}
    tensors = {name: torch.from_numpy(a) for name, a in (arrays | {"harmonics": given.harmonics}).items()}
    logits = helpers.inverse_sigmoid(torch.from_numpy(given.opacities))
    helpers.export_ply(**tensors, opacities=logits, path=tmp_path / "theirs.ply", save_sh_dc_only=dc_only)
    ours, theirs = (PlyData.read(str(tmp_path / name))["vertex"].data for name in ("ours.ply", "theirs.ply"))
    assert ours.dtype == theirs.dtype
    for name in ours.dtype.names:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_opacity_of_one_has_a_finite_logit(tmp_path: Path) -> None:
    opaque = replace(gaussians(2), opacities=np.float32([0, 1]))
    export_scene(scene(gaussians=opaque), tmp_path / "a.ply", ["gs_ply"])
    assert np.isfinite(PlyData.read(str(tmp_path / "a.ply"))["vertex"]["opacity"]).all()


def test_depth_video_has_a_frame_per_view_and_one_colour_range(tmp_path: Path) -> None:
    import imageio_ffmpeg

    near = view(0, depth_m=np.full((36, 48), 1, np.float32), name="near")
    far = view(1, depth_m=np.full((36, 48), 4, np.float32), name="far")
    export_scene(scene(views=(near, far, near_again := replace(near, name="again"))), tmp_path / "a.mp4", ["mp4"])
    assert near_again.name == "again"
    reader = imageio_ffmpeg.read_frames(tmp_path / "a.mp4")
    size = next(reader)["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(size[1], size[0], 3) for frame in reader]
    assert len(frames) == 3
    colours = [frame[8:28, 8:40].reshape(-1, 3).mean(axis=0) for frame in frames]
    assert colours[0].min() < 90 < 150 < colours[0][:2].min()  # near is bright yellow
    assert colours[1].mean() < 70  # far is dark
    assert np.abs(colours[0] - colours[2]).max() < 8


@pytest.mark.parametrize(
    "folder", ["with \"quotes\" and 'ticks'", "with spaces; rm -rf", "глубина сцены", "a:b%d$HOME"]
)
def test_any_path_works(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    for path in export_scene(scene(), place, HERE):
        assert path.exists()
    assert len(ply_points(place / "scene.ply")) == len(glb_points(place / "scene.glb"))
    assert load_scene(place / "scene.npz").unit == "m"
    assert pycolmap.Reconstruction(place / "colmap" / "sparse" / "0").num_reg_images() == 3


def test_views_of_any_name_reach_colmap_and_glb(tmp_path: Path) -> None:
    named = scene(views=(view(0, name='вид "1" a.jpg'), view(1, name="b c.png")))
    export_scene(named, tmp_path, ["colmap", "glb", "npz"])
    model = pycolmap.Reconstruction(tmp_path / "colmap" / "sparse" / "0")
    names = [image.name for image in model.images.values()]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "colmap" / "images").iterdir())
    assert 'camera_вид "1" a.jpg' in trimesh.load(tmp_path / "scene.glb").graph.nodes_geometry
    assert load_scene(tmp_path / "scene.npz").views[0].name == 'вид "1" a.jpg'


EMPTY = scene(views=(), gaussians=None)


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        (EMPTY, "ply", "empty one"),
        (EMPTY, "glb", "empty one"),
        (EMPTY, "colmap", "points alone"),
        (EMPTY, "mp4", "expected views with depth"),
        (EMPTY, "gs_ply", "with Gaussians, got none"),
        (scene(views=(view(0, depth_m=np.full((36, 48), np.nan, np.float32)),)), "ply", "no pixel has valid depth"),
        (scene(views=(view(0, name="a.png"), view(1, name="a.jpg"))), "colmap", "different stems"),
    ],
)
def test_scene_without_what_a_format_needs_is_refused(tmp_path: Path, given: Scene, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        export_scene(given, tmp_path / "out", [name])
    assert not (tmp_path / "out" / FORMATS[name][0]).exists()


def test_empty_scene_is_not_a_mesh(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="export a cloud instead"):
        export_scene(EMPTY, tmp_path / "a.glb", ["glb"], ExportOptions(as_mesh=True))


@pytest.mark.parametrize("formats", [["obj"], [], ["ply", "PLY"]])
def test_unknown_format_is_refused_before_anything_is_written(tmp_path: Path, formats: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="expected formats of ply, gs_ply, glb"):
        export_scene(scene(), tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_video_of_gaussians_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"needs gsplat and a CUDA GPU.*export gs_ply"):
        export_scene(scene(), tmp_path / "out", ["ply", "gs_mp4"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "library"), [("glb", "trimesh"), ("colmap", "pycolmap"), ("mp4", "imageio-ffmpeg")])
def test_format_without_its_library_says_what_to_install(
    tmp_path: Path, name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(ConfigurationError, match=rf"format {name} needs the package {library}.*\[export\]"):
        export_scene(scene(), tmp_path / "out", ["ply", name])
    assert not (tmp_path / "out").exists()


def test_file_that_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_text("mine")
    with pytest.raises(ConfigurationError, match="--overwrite"):
        export_scene(scene(), tmp_path / "a.glb", ["glb"])
    assert (tmp_path / "a.glb").read_text() == "mine"
    export_scene(scene(), tmp_path / "out", ["ply", "colmap"])
    with pytest.raises(ConfigurationError, match="--overwrite"):
        export_scene(scene(), tmp_path / "out", ["ply"])
    export_scene(scene(), tmp_path / "out", ["ply", "colmap"], overwrite=True)
    assert pycolmap.Reconstruction(tmp_path / "out" / "colmap" / "sparse" / "0").num_reg_images() == 3


@pytest.mark.parametrize("name", HERE)
def test_interrupted_export_leaves_no_half_file_and_keeps_the_earlier_one(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_scene(scene(), tmp_path, [name])
    target = tmp_path / FORMATS[name][0]
    files = [target] if target.is_file() else sorted(path for path in target.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    writers = {
        "ply": "plyfile.PlyData.write",
        "gs_ply": "plyfile.PlyData.write",
        "glb": "trimesh.Scene.export",
        "npz": "numpy.lib.format.write_array",
        "mini_npz": "numpy.lib.format.write_array",
        "colmap": "unity_depth_perception.export.formats.colmap.write_image",
        "colmap_bin": "unity_depth_perception.export.formats.colmap.write_image",
        "mp4": "unity_depth_perception.export.formats.depth_video._with_even_sides",
    }
    monkeypatch.setattr(writers[name], interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_scene(scene(), tmp_path, [name], overwrite=True)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(tmp_path.rglob("*.partial"))


def test_video_that_ffmpeg_cannot_encode_is_an_error_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = depth_video._command
    monkeypatch.setattr(depth_video, "_command", lambda *given: [*command(*given)[:-3], "-c:v", "nonsense", "x.mp4"])
    with pytest.raises(OSError, match=r"ffmpeg: .*nonsense"):
        export_scene(scene(), tmp_path / "a.mp4", ["mp4"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="frame rate above 0"):
        export_scene(scene(), tmp_path / "a.mp4", ["mp4"], ExportOptions(frames_per_s=0))


def test_views_of_several_sizes_make_no_video(tmp_path: Path) -> None:
    small = Camera.from_vertical_fov(math.radians(60), 8, 6)
    other = view(1, camera=small, depth_m=np.ones((6, 8), np.float32), image=None, confidence=None)
    with pytest.raises(InputError, match="one size"):
        export_scene(scene(views=(view(0), other)), tmp_path / "a.mp4", ["mp4"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_damaged_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz"):
        load_scene(tmp_path / "a.npz")
    with pytest.raises(InputError, match="No such file"):
        load_scene(tmp_path / "none.npz")


def test_npz_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", depth=np.ones((1, 4, 4)))
    with pytest.raises(InputError, match="written by `unity-depth export"):
        load_scene(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", metadata=np.array('{"version": 7}'))
    with pytest.raises(InputError, match="version 1, got 7"):
        load_scene(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", metadata=np.array([None], dtype=object))
    with pytest.raises(InputError, match="cannot read this scene"):
        load_scene(tmp_path / "c.npz")


def test_every_cut_of_an_npz_is_refused_or_whole(tmp_path: Path) -> None:
    export_scene(scene(), tmp_path / "a.npz", ["npz"])
    content = (tmp_path / "a.npz").read_bytes()
    for share in np.linspace(0, 1, 25)[:-1]:
        (tmp_path / "cut.npz").write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError):
            load_scene(tmp_path / "cut.npz")


@pytest.mark.parametrize("value", [np.zeros(0), np.array("x"), np.zeros((1, 1, 1, 1, 1))], ids=str)
def test_npz_with_an_array_of_another_shape_is_refused(tmp_path: Path, value: np.ndarray) -> None:
    export_scene(scene(), tmp_path / "a.npz", ["npz"])
    arrays = dict(np.load(tmp_path / "a.npz"))
    for name in arrays.keys() - {"extrinsics"}:  # for other readers; ours takes world_from_camera
        np.savez(tmp_path / "b.npz", **{**arrays, name: value})
        with pytest.raises(InputError, match=r"b\.npz"):
            load_scene(tmp_path / "b.npz")


@pytest.mark.parametrize("entry", ["name", "size", "depth_m"])
def test_npz_with_other_metadata_is_refused(tmp_path: Path, entry: str) -> None:
    export_scene(scene(), tmp_path / "a.npz", ["npz"])
    arrays = dict(np.load(tmp_path / "a.npz"))
    metadata = json.loads(str(arrays["metadata"]))
    del metadata["views"][1][entry]
    np.savez(tmp_path / "b.npz", **{**arrays, "metadata": np.array(json.dumps(metadata))})
    with pytest.raises(InputError, match=r"b\.npz"):
        load_scene(tmp_path / "b.npz")


def test_point_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1 point"):
        exports.export_scene(scene(), tmp_path / "a.ply", ["ply"], ExportOptions(max_points=0))


def test_squares_lie_across_the_normals_of_their_points(tmp_path: Path) -> None:
    normals = np.array([[0, 0, 1], [1, 0, 0], [0.6, 0, 0.8], [0, -1, 0]], np.float32)
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    given = scene(points_m=points, colours=np.full((4, 3), 90, np.uint8), normals=normals)
    (path,) = export_scene(given, tmp_path, ["glb"], ExportOptions(square_m=0.5))
    cloud = trimesh.load(path).geometry["cloud"]
    corners = cloud.vertices.reshape(4, 4, 3)
    np.testing.assert_allclose(corners.mean(axis=1), points, atol=1e-6)
    np.testing.assert_allclose(np.einsum("nkc,nc->nk", corners - points[:, None], normals), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(np.diff(corners, axis=1), axis=2), 0.5, atol=1e-6)
    np.testing.assert_allclose(cloud.face_normals, np.concatenate([normals, normals]), atol=1e-6)
