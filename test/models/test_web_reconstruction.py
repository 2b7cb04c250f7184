"""Reconstruction on the page, without the page: views of a room whose depth is known, poses, cancelling, downloads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from da3_networks import CPU, SMALL, Known
from plyfile import PlyData
from room_views import distance_to_surfaces, exact_view, room_scenes

from unity_depth_perception.core.errors import InputError, JobCancelledError, ModelError
from unity_depth_perception.core.pose import pose_from_matrix
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.web.examples import TOUR, PageDatasets
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.reconstruction import (
    UPLOAD,
    ReconstructionActions,
    ViewSettings,
    parse_numbers,
)
from unity_depth_perception.web.session import Sessions

SCENES = room_scenes(4, turn=0.3)
VIEWS = [exact_view(scene, f"{index}.png") for index, scene in enumerate(SCENES)]


class Room:
    """A dataset of the room, with or without poses."""

    path = Path("/somewhere/secret/room")
    names = tuple(f"images/{index}.png" for index in range(len(SCENES)))
    categories = ("red_cube",)

    def __init__(self, has_poses: bool = True) -> None:
        self.has_poses = has_poses

    def __len__(self) -> int:
        return len(SCENES)

    def __getitem__(self, index: int) -> Sample:
        pose = SCENES[index].world_from_camera if self.has_poses else None
        image = VIEWS[index].image.numpy()
        return Sample(self.names[index], image, VIEWS[index].camera, world_from_camera=pose)


@dataclass
class TrueDepth:
    """A model for one image that knows the depth of each image of the room."""

    name: str = "known"
    device: torch.device = CPU
    calls: int = 0

    def infer(self, image: torch.Tensor, camera: Any, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        self.calls += 1
        (view,) = [view for view in VIEWS if torch.equal(view.image, image)]
        return DepthPrediction(view.depth_m, is_metric=True, scale_source="cube")


class Models(PageModels):
    """The page's models, of which one is replaced."""

    def __init__(self, model: Any) -> None:
        super().__init__(["compact", "da3-small"])
        self.model = model

    @contextlib.contextmanager
    def use_for_views(self, name: str) -> Iterator[Any]:
        yield self.model


def actions(root: Path, model: Any = None, has_poses: bool = True) -> ReconstructionActions:
    datasets = PageDatasets(Room(has_poses))  # type: ignore[arg-type]
    return ReconstructionActions(Models(model or TrueDepth()), Sessions(root), datasets)


def uploads(folder: Path) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{index}.png" for index in range(len(SCENES))]
    for path, view in zip(paths, VIEWS, strict=True):
        write_image(path, view.image.numpy())
    return paths


def test_scene_of_images_with_poses_is_the_room_with_its_cameras(tmp_path: Path) -> None:
    shown = actions(tmp_path).reconstruct("ann", ViewSettings("room", "compact"))
    assert [path.suffix for path in shown.downloads] == [".ply", ".glb", ".npz"]
    vertices = PlyData.read(str(shown.downloads[0]))["vertex"]
    points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
    assert np.median(distance_to_surfaces(SCENES[0], points)) < 0.01
    for view, scene in zip(load_scene(shown.downloads[2]).views, SCENES, strict=True):
        np.testing.assert_allclose(view.world_from_camera, scene.world_from_camera, atol=1e-9)
    content = trimesh.load(shown.model)
    assert len([name for name in content.geometry if name.startswith("camera_")]) == len(SCENES)
    assert 0 < len(content.geometry["cloud"].faces) / 2 <= min(len(points), 60_000)
    assert "4 of 4 images of room" in shown.status
    assert "The metres come from a cube of known edge. The depths of all images were scaled" in shown.status
    assert "secret" not in shown.status


def test_uploads_with_a_file_of_poses_are_reconstructed(tmp_path: Path) -> None:
    page = actions(tmp_path)
    page.choose_uploads("ann", uploads(tmp_path / "up"))
    poses = tmp_path / "poses.json"
    pairs = [pose_from_matrix(scene.world_from_camera) for scene in SCENES]
    poses.write_text(json.dumps({f"{k}.png": {"position": p, "orientation": q} for k, (p, q) in enumerate(pairs)}))
    fov_deg = float(np.rad2deg(VIEWS[0].camera.vertical_fov_rad))
    shown = page.reconstruct("ann", ViewSettings(UPLOAD, "compact", vertical_fov_deg=fov_deg, poses=poses))
    assert "4 of 4 images of the uploaded files" in shown.status
    with pytest.raises(InputError, match="vertical field of view, or a camera file"):
        page.reconstruct("ann", ViewSettings(UPLOAD, "compact", poses=poses))


def test_missing_poses_are_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known: expected the camera's pose of each image, got 0 of 4") as caught:
        actions(tmp_path, has_poses=False).reconstruct("ann", ViewSettings("room", "compact"))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*/scene_*"))


def test_any_view_model_needs_no_poses(tmp_path: Path) -> None:
    page = actions(tmp_path, AnyViewDepth("da3-small", CPU, Known(0.0, 100.0), SMALL), has_poses=False)
    page.choose_uploads("ann", uploads(tmp_path / "up"))
    shown = page.reconstruct("ann", ViewSettings(UPLOAD, "da3-small"))
    centers = [view.world_from_camera[0, 3] for view in load_scene(shown.downloads[2]).views]
    assert np.diff(centers) == pytest.approx([2.0] * 3, abs=0.05)  # as the network says
    assert "Nothing tells the scale: these are no metres." in shown.status
    assert "(no unit)" in shown.status


def test_single_view_of_known_camera_needs_no_pose(tmp_path: Path) -> None:
    shown = actions(tmp_path, has_poses=False).reconstruct("ann", ViewSettings("room", "compact", numbers="2"))
    assert "1 of 4 images" in shown.status


def test_cancel_takes_effect_before_the_next_image(tmp_path: Path) -> None:
    model = TrueDepth()
    page = actions(tmp_path, model)

    def report(stage: str, done: int, count: int) -> None:
        if (stage, done) == ("depth", 2):
            page.sessions.of("ann").cancel()  # as another thread does, while image 2 is processed

    with pytest.raises(JobCancelledError):
        page.reconstruct("ann", ViewSettings("room", "compact"), report)
    assert model.calls == 3
    assert "4 of 4" in page.reconstruct("ann", ViewSettings("room", "compact")).status  # the next job is not concerned


def test_views_are_evenly_chosen_of_the_numbers_asked_for(tmp_path: Path) -> None:
    page = actions(tmp_path)
    shown = page.reconstruct("ann", ViewSettings("room", "compact", max_views=2))
    names = [view.name for view in load_scene(shown.downloads[2]).views]
    assert names == ["00000_0.png", "00002_2.png"]
    shown = page.reconstruct("ann", ViewSettings("room", "compact", numbers="1-2, 3"))
    assert [view.name[:5] for view in load_scene(shown.downloads[2]).views] == ["00001", "00002", "00003"]


@pytest.mark.parametrize(
    ("text", "numbers"), [("", [0, 1, 2, 3]), (" ", [0, 1, 2, 3]), ("2", [2]), ("3, 0-1", [0, 1, 3]), ("1 - 2", [1, 2])]
)
def test_numbers_of_images_in_a_text(text: str, numbers: list[int]) -> None:
    assert parse_numbers(text, 4) == numbers


@pytest.mark.parametrize("text", ["4", "-1", "2-1", "1;2", "0-9999999999", "one", ",", "1,"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="numbers of images from 0 to 3"):
        parse_numbers(text, 4)


@pytest.mark.parametrize("name", ["/etc", "../room", "", "Room"])
def test_dataset_that_the_page_does_not_offer_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"expected one of the page's datasets room, {TOUR}"):
        actions(tmp_path).reconstruct("ann", ViewSettings(name, "compact"))


def test_reconstruction_without_uploads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected two or more images, or a video"):
        actions(tmp_path).reconstruct("ann", ViewSettings(UPLOAD, "compact"))


def test_models_without_metres_are_offered_for_several_images_alone() -> None:
    models = PageModels(["compact", "da3-small"])
    assert (models.names, models.view_names) == (("compact",), ("compact", "da3-small"))
    with pytest.raises(ModelError, match="expected one of the page's models compact, got 'da3-small'"):
        models.load("da3-small")
    with pytest.raises(ModelError), models.use_for_views("da3-base"):
        pass
    with pytest.raises(ModelError):
        PageModels(["da3-small"])


def test_tour_is_rendered_once_and_goes_on_after_a_cancel() -> None:
    datasets = PageDatasets()
    assert datasets.names == (TOUR,)
    rendered: list[int] = []

    def until_third(indices: range, stage: str) -> Iterator[int]:
        for index in indices:
            if index == 2 and len(rendered) == 2:
                raise JobCancelledError("cancelled")
            rendered.append(index)
            yield index

    with pytest.raises(JobCancelledError):
        datasets.open(TOUR, until_third)  # type: ignore[arg-type]
    rendered.append(-1)
    for _ in range(2):
        samples = datasets.open(TOUR, until_third)  # type: ignore[arg-type]
    assert rendered == [0, 1, -1, *range(2, len(samples))]
    assert all(samples[index].world_from_camera is not None for index in range(len(samples)))
