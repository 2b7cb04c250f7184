"""Sources of a reconstruction, found by what they hold: images, a folder, a video, a dataset, a bag, a COLMAP model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import InputError, shown
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.dataset.image_inputs import image_inputs, video_fps
from unity_depth_perception.dataset.sample import SampleSource
from unity_depth_perception.dataset.solo.samples import is_solo
from unity_depth_perception.dataset.sources import open_source
from unity_depth_perception.reconstruction.sources.colmap_model import find_colmap_model, open_colmap
from unity_depth_perception.reconstruction.sources.input_view import InputView, ViewSource

Poses = Mapping[str, NDArray[np.float64]]
_BAG_FILES = (".mcap", ".db3", ".bag")


def open_views(
    paths: Sequence[Path],
    *,
    fps: float = 1.0,
    cameras: CameraSource | None = None,
    poses: Poses | None = None,
    colmap_model: str | None = None,
) -> ViewSource:
    """Open one dataset, bag or COLMAP model, or images, folders of images, patterns and videos.

    Args:
        fps: frames per second that are taken of a video.
        cameras: replaces the source's cameras.
        poses: of images by file name; replaces the source's poses, and must name every view.
        colmap_model: folder of the model in a COLMAP folder.

    Raises:
        InputError: a file is missing or cannot be used, or the poses do not name a view.
    """
    source = _open(paths, fps, colmap_model)
    if poses is not None and (missing := [name for name in source.names if name not in poses]):
        raise InputError(f"expected a pose for each view, missing {shown(missing)}; names are those of the images")

    def read(index: int) -> InputView:
        view = source.read(index)
        if cameras is not None:
            view = replace(view, camera=cameras.camera_for(view.image.shape[1], view.image.shape[0]))
        return view if poses is None else replace(view, world_from_camera=poses[view.name])

    return replace(source, read=read, poses_in_metres=source.poses_in_metres or poses is not None)


def read_poses(path: Path) -> dict[str, NDArray[np.float64]]:
    """Poses by image name from JSON: {"00042.png": {"position": [x, y, z], "orientation": [x, y, z, w]}, ...}.

    They are world_from_camera of the optical frame, in metres, in a world with z up, as in annotations.json.

    Raises:
        InputError: the file or one of its poses cannot be used.
    """
    poses = {}
    for name, pose in read_json_object(path, "camera poses", InputError).items():
        if not isinstance(pose, dict) or not {"position", "orientation"} <= set(pose):
            raise InputError(f"{path}: {name}: expected position and orientation, got {shown(pose)}")
        poses[name] = matrix_from_pose(pose["position"], pose["orientation"])
    return poses


def _open(paths: Sequence[Path], fps: float, colmap_model: str | None) -> ViewSource:
    first = paths[0]
    model = find_colmap_model(first, colmap_model) if len(paths) == 1 else None
    if model is not None:
        return open_colmap(model)
    if colmap_model is not None:
        raise InputError(f"{first / colmap_model}: expected a COLMAP model, cameras.bin or cameras.txt, got none")
    if len(paths) == 1 and _is_bag(first):
        return _of_samples("bag", open_source(first))
    if len(paths) == 1 and (first.suffix == ".json" or (first / "annotations.json").is_file() or is_solo(first)):
        return _of_samples("dataset", open_source(first))
    return _of_images(paths, fps)


def _is_bag(path: Path) -> bool:
    return path.suffix in _BAG_FILES or (path / "metadata.yaml").is_file()


def _of_samples(kind: str, samples: SampleSource) -> ViewSource:
    def read(index: int) -> InputView:
        sample = samples[index]
        return InputView(sample.name, sample.image, sample.camera, sample.world_from_camera, sample.depth_m)

    return ViewSource(kind, samples.names, read)


def _of_images(paths: Sequence[Path], fps: float) -> ViewSource:
    inputs: list[Any] = []
    rates = [video_fps(path) for path in paths]
    for path, rate in zip(paths, rates, strict=True):
        inputs += image_inputs([path], 1 if rate is None else max(1, round(rate / fps)))
    names = [item.path.name for item in inputs]
    if len(set(names)) < len(names):  # of several folders
        names = [f"{number:05d}_{name}" for number, name in enumerate(names)]
    kind = "images" if None in rates else "video"
    return ViewSource(kind, names, lambda index: InputView(names[index], inputs[index].read()))
