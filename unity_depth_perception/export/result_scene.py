"""Scenes of stored results: a saved scene, an image of a folder of `estimate`, a frame of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.visible_box import visible_box
from unity_depth_perception.dataset.files import read_depth
from unity_depth_perception.dataset.sources import open_source
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.export.result_folder import RESULTS
from unity_depth_perception.export.scene import Scene, SceneObject, SceneView


def load_result(path: Path, frame: str | None = None) -> Scene:
    """Scene of a result.

    Args:
        path: scene.npz, a folder that `unity-depth estimate` wrote, or a dataset with depth.
        frame: name of the image; may be left out where there is only one.

    Raises:
        InputError: there is no such result or frame, or it cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path}: expected a scene as .npz, a folder of results or a dataset; there is nothing here")
    if path.suffix == ".npz":
        if frame is not None:
            raise InputError(f"{path}: a scene is exported whole; leave out the frame, got {frame!r}")
        return load_scene(path)
    if (path / RESULTS).exists():
        return _estimated_scene(path, frame)
    return _dataset_scene(path, frame)


def _estimated_scene(folder: Path, frame: str | None) -> Scene:
    entries = read_json_object(folder / RESULTS, "results of unity-depth estimate").get("images")
    try:
        by_name = {str(entry["image"]): entry for entry in entries or ()}
        name = _chosen([*by_name], frame, folder)
        entry, stem = by_name[name], Path(name).stem
        objects = [ObjectDistance.from_json(item, f"{folder / RESULTS}: {name}") for item in entry["objects"]]
        camera = Camera.from_intrinsics(entry["camera_intrinsics"], str(folder / RESULTS))
        source = str(entry.get("scale_source", "none"))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder / RESULTS}: expected results of unity-depth estimate: {error!r}") from None
    depth_m = read_depth(folder / f"{stem}_depth.npy")
    colours = _colours(folder / f"{stem}.ply", np.isfinite(depth_m))
    view = SceneView(name, camera, np.eye(4), depth_m, colours)
    return _single_view(view, objects, "optical", source)


def _dataset_scene(path: Path, frame: str | None) -> Scene:
    dataset = open_source(path)
    sample = dataset[dataset.names.index(_chosen(dataset.names, frame, path))]
    if sample.depth_m is None:
        raise InputError(
            f"{path}: {sample.name}: expected a frame with depth, got none; run unity-depth estimate first"
        )
    pose = np.eye(4) if sample.world_from_camera is None else sample.world_from_camera
    view = SceneView(Path(sample.name).name, sample.camera, pose, sample.depth_m, sample.image)
    return _single_view(view, sample.objects, "optical" if sample.world_from_camera is None else "z_up", "given")


def _single_view(view: SceneView, items: Sequence[ObjectDistance], world: str, source: str) -> Scene:
    boxes = {item.id: (item, box) for item in items if (box := visible_box(item, view.camera)) and min(box.size) > 0}
    positions = {id_: position for position, id_ in enumerate(boxes)}
    objects = []
    for item, box in boxes.values():
        pose = np.eye(4)
        pose[:3, 3] = box.center
        parent = None if item.parent_id is None else positions.get(item.parent_id)
        objects.append(SceneObject(item.category, view.world_from_camera @ pose, box.size, parent, item.score))
    return Scene(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.uint8),
        (view,),
        world,
        source,
        is_metric=source != "none",
        objects=tuple(objects),
    )


def _colours(cloud: Path, valid: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """Image (H, W, 3) of a cloud that has a point for each valid pixel, black elsewhere; None without that cloud."""
    if not cloud.exists():
        return None
    try:
        vertices = PlyData.read(str(cloud))["vertex"]
        colours = np.stack([vertices[channel] for channel in ("red", "green", "blue")], axis=1)
    except (OSError, PlyParseError, KeyError, ValueError) as error:
        raise InputError(f"{cloud}: expected the cloud that unity-depth estimate wrote: {error}") from None
    if len(colours) != valid.sum():
        raise InputError(f"{cloud}: expected {valid.sum()} points, one for each valid pixel, got {len(colours)}")
    image = np.zeros((*valid.shape, 3), np.uint8)
    image[valid] = colours
    return image


def _chosen(names: Sequence[str], frame: str | None, path: Path) -> str:
    """The frame that is asked for, or the only one."""
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    if frame is None and len(names) == 1:
        return names[0]
    if frame is None:
        raise InputError(
            f"{path}: expected the name of one of {len(names)} images (--frame): {listed or 'there is none'}"
        )
    if frame not in names:
        raise InputError(f"{path}: expected a frame of this result, got {frame!r}; it has {listed or 'none'}")
    return frame
