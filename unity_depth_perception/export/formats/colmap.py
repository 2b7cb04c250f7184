"""Scenes as COLMAP models, text or binary, written and checked by pycolmap.

folder/images/<name>.png, folder/sparse/0/{cameras,images,points3D,...}: what Gaussian splatting trainers expect. The
cameras are PINHOLE. COLMAP counts pixels from the image's corner (the first pixel's centre is 0.5, 0.5), so principal
points and observations are half a pixel larger than elsewhere in this package.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing_folder
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.export.point_selection import select_points
from unity_depth_perception.export.scene import Scene, SceneView

_HALF_PX = 0.5
_VISIBLE = 0.01
"""Relative difference of depth up to which a view sees a point: one pixel of a surface, not one behind it."""


def write_colmap(path: Path, scene: Scene, *, max_points: int, seed: int = 0, binary: bool = False) -> None:
    """Write a model into the folder `path`, whole or not at all.

    A point's track has its exact projections into the views whose depth shows it; without depth tracks are empty.

    Raises:
        InputError: the scene has no view, or nothing to export, or two views differ only by what follows the stem.
    """
    if not scene.views:
        raise InputError("expected a scene with views for COLMAP, got points alone; export .ply or .glb instead")
    model = reconstruction_of(scene, max_points, seed)
    with replacing_folder(path) as draft:
        sparse = draft / "sparse" / "0"
        sparse.mkdir(parents=True)
        (model.write_binary if binary else model.write_text)(sparse)
        (sparse / "frame.json").write_text(json.dumps(scene.frame_description(), indent=1) + "\n", encoding="utf-8")
        for view, name in zip(scene.views, _image_names(scene.views), strict=True):
            if view.image is not None:
                (draft / "images").mkdir(exist_ok=True)
                write_image(draft / "images" / name, view.image)


def reconstruction_of(scene: Scene, max_points: int, seed: int = 0) -> pycolmap.Reconstruction:
    """The scene as a pycolmap.Reconstruction; image and camera ids are the views' positions plus one."""
    names = _image_names(scene.views)
    cloud = select_points(scene, max_points, seed)
    model = pycolmap.Reconstruction()
    points = cloud.points_m.astype(np.float64)
    ids = [model.add_point3D(point, pycolmap.Track(), c) for point, c in zip(points, cloud.colours, strict=True)]
    for index, (view, name) in enumerate(zip(scene.views, names, strict=True), start=1):
        model.add_camera_with_trivial_rig(_camera(view.camera, index))
        seen, pixels = _observations(view, points)
        image = pycolmap.Image(image_id=index, camera_id=index, name=name)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(pixel) for pixel in pixels])
        pose = view.camera_from_world
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pycolmap.Rotation3d(pose[:3, :3]), pose[:3, 3]))
        for position, point in enumerate(seen.tolist()):
            model.add_observation(ids[point], pycolmap.TrackElement(index, position))
    return model


def _camera(camera: Camera, index: int) -> pycolmap.Camera:
    return pycolmap.Camera(
        camera_id=index,
        model=pycolmap.CameraModelId.PINHOLE,
        width=camera.width,
        height=camera.height,
        params=[camera.fx, camera.fy, camera.cx + _HALF_PX, camera.cy + _HALF_PX],
    )


def _observations(view: SceneView, points_m: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices (M,) of the points that a view's depth shows, and their COLMAP pixels (M, 2)."""
    if view.depth_m is None:
        return np.zeros(0, np.int64), np.zeros((0, 2))
    pose = view.camera_from_world
    local = points_m @ pose[:3, :3].T + pose[:3, 3]
    pixels = view.camera.project(local)
    rounded = np.nan_to_num(np.round(pixels), nan=-1, posinf=-1, neginf=-1)
    inside = ((rounded >= 0) & (rounded < (view.camera.width, view.camera.height))).all(axis=1)
    candidates = np.flatnonzero(inside)
    columns, rows = rounded[candidates].astype(np.int64).T
    depth_m = view.depth_m[rows, columns]
    with np.errstate(invalid="ignore"):  # depth may be NaN: not seen
        is_seen = np.abs(depth_m - local[candidates, 2]) <= _VISIBLE * local[candidates, 2]
    kept = candidates[is_seen]
    return kept, pixels[kept] + _HALF_PX


def _image_names(views: tuple[SceneView, ...]) -> list[str]:
    """Names of the images as png; the text format separates its values by spaces, so names have none."""
    names = ["_".join(f"{Path(view.name).stem}.png".split()) for view in views]
    if len(set(names)) < len(names):
        raise InputError(f"expected views with different stems for COLMAP, got {', '.join(v.name for v in views)}")
    return names
