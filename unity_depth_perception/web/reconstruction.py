"""Reconstruction on the page: several images, a video, or images of a dataset to one scene and its files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.export_scene import ExportOptions, export_scene
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.reconstruction.fusion import FusionConfig
from unity_depth_perception.reconstruction.reconstruct import Reconstruction, ReconstructionConfig, reconstruct
from unity_depth_perception.reconstruction.sources.input_view import InputView, ViewSource
from unity_depth_perception.reconstruction.sources.keyframes import choose_keyframes
from unity_depth_perception.reconstruction.sources.open_views import open_views, read_poses
from unity_depth_perception.web.examples import PageDatasets, PageSamples
from unity_depth_perception.web.models import PageModels, cameras_of
from unity_depth_perception.web.session import Job, Report, Session, Sessions
from unity_depth_perception.web.texts import message, scale_sentence
from unity_depth_perception.web.uploads import safe_name

UPLOAD = "Uploaded files"
MAX_VIEWS = 60
_LONGEST_SIDE_PX = 504  # as `unity-depth reconstruct`
_VIDEO_HZ = 5.0  # frames of a video among which keyframes are chosen
_CONFIG = ReconstructionConfig(fusion=FusionConfig(truncation_voxels=8.0, confidence_percentile=40.0))
_VIEW_POINTS = 60_000  # squares that a phone still turns smoothly
_OVERLAP = 1.8  # edge of a square over the distance of points: neighbours leave no gap
_RANGE = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?")


@dataclass(frozen=True)
class ViewSettings:
    """What the visitor says about the views of a scene.

    Attributes:
        source: UPLOAD, or the name of a dataset.
        model: depth model.
        numbers: of the images that are used, from 0: `0-20, 25`; all if empty.
        max_views: at most so many of them, evenly chosen.
        vertical_fov_deg: vertical field of view [deg] of uploads; None: unknown.
        intrinsics: uploaded camera file, which counts instead.
        poses: uploaded file of camera poses, as of `unity-depth reconstruct --poses`.
    """

    source: str
    model: str
    numbers: str = ""
    max_views: int = 12
    vertical_fov_deg: float | None = None
    intrinsics: Path | None = None
    poses: Path | None = None


@dataclass(frozen=True)
class SceneShown:
    """A scene as the page shows it: HTML of the status, the 3D view, and the downloads .ply, .glb, .npz."""

    status: str
    model: Path
    downloads: tuple[Path, ...]


class ReconstructionActions:
    """Reconstructions of all visitors."""

    def __init__(self, models: PageModels, sessions: Sessions, datasets: PageDatasets) -> None:
        """Take what the page has."""
        self.models, self.sessions, self.datasets = models, sessions, datasets

    def choose_uploads(self, visitor: str, paths: Sequence[Path]) -> None:
        """Take uploaded images, or a video."""
        session = self.sessions.of(visitor)
        session.originals.update(paths)
        session.views = tuple(paths)

    def reconstruct(
        self, visitor: str, settings: ViewSettings, report: Report = lambda stage, done, count: None
    ) -> SceneShown:
        """Reconstruct a scene.

        Raises:
            PerceptionError: a file, the camera or the model cannot be used, or a pose is missing.
            JobCancelledError: the visitor wants the scene no more.
        """
        session = self.sessions.of(visitor)
        job = Job(session, report)
        start = time.perf_counter()
        source = self._source(session, settings, job)
        views = chosen_views(source, parse_numbers(settings.numbers, len(source)), settings.max_views, job.track)
        found = reconstruct_views(views, self.models.use_for_views(settings.model), job)
        job.report("writing the files")
        folder = session.new_folder("scene")
        cloud, arrays = export_scene(found.scene, folder, ("ply", "npz"))
        model = write_view(found.scene, folder / "scene.glb")
        job.check()
        text = scene_text(found, len(source), settings, time.perf_counter() - start)
        return SceneShown(text, model, (cloud, model, arrays))

    def _source(self, session: Session, settings: ViewSettings, job: Job) -> ViewSource:
        if settings.source != UPLOAD:
            return views_of(self.datasets.open(settings.source, job.track))
        if not session.views:
            raise InputError("expected two or more images, or a video; drop them first, or choose a dataset")
        session.originals.update(path for path in (settings.intrinsics, settings.poses) if path is not None)
        cameras = None
        if settings.intrinsics is not None or settings.vertical_fov_deg is not None:
            cameras = cameras_of(settings.intrinsics, settings.vertical_fov_deg)
        poses = None if settings.poses is None else read_poses(settings.poses)
        return open_views(session.views, fps=_VIDEO_HZ, cameras=cameras, poses=poses)


def views_of(samples: PageSamples) -> ViewSource:
    """Samples of a dataset as views, with their cameras and poses."""

    def read(index: int) -> InputView:
        sample = samples[index]
        name = f"{index:05d}_{safe_name(sample.name)}"
        return InputView(name, sample.image, sample.camera, sample.world_from_camera)

    return ViewSource("dataset", samples.names, read)


def parse_numbers(text: str, count: int) -> list[int]:
    """Numbers of images in a text such as `0-20, 25`, ascending; all `count` of them if it is empty.

    Raises:
        InputError: the text is something else, or there is no image of a number.
    """
    if not text.strip():
        return list(range(count))
    numbers: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        first = int(found[1]) if found else -1
        last = int(found[2] or found[1]) if found else -1
        if not 0 <= first <= last < count:
            raise InputError(f"expected numbers of images from 0 to {count - 1}, such as 0-20, 25; got {text[:60]!r}")
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def chosen_views(
    source: ViewSource, numbers: Sequence[int], most: int, track: Callable[[Sequence[int], str], Any]
) -> list[InputView]:
    """At most so many views at the processed size, evenly chosen; of a video those between which the camera moved."""
    most = min(max(most, 1), MAX_VIEWS)
    candidates = _evenly(numbers, 4 * most if source.is_stream else most)
    views: Iterator[InputView] = (
        source.read(index).bounded(_LONGEST_SIDE_PX) for index in track(candidates, "reading the images")
    )
    return _evenly(choose_keyframes(views) if source.is_stream else list(views), most)


def reconstruct_views(
    views: Sequence[InputView], model: AbstractContextManager[DepthEstimator], job: Job
) -> Reconstruction:
    """Reconstruct views with a model of the page.

    Raises:
        InputError: the model needs poses or cameras that the views lack, or nothing can be fused.
    """
    with model as estimator:
        posed = sum(view.world_from_camera is not None for view in views)
        if posed < len(views) > 1 and not isinstance(estimator, AnyViewDepth):
            raise InputError(
                f"{estimator.name}: expected the camera's pose of each image, got {posed} of {len(views)}: "
                "choose a dataset with poses, add a file of poses, or a model that finds poses "
                "(unity-depth web --depth-model compact --depth-model da3-small)"
            )
        if any(view.camera is None for view in views) and not isinstance(estimator, AnyViewDepth):
            raise InputError("expected the images' vertical field of view, or a camera file; give it under Cameras")
        return reconstruct(views, estimator, _CONFIG, job.track)


def write_view(scene: Scene, path: Path) -> Path:
    """Write the 3D view of a scene: its fused surface of at most _VIEW_POINTS squares, and the cameras."""
    points = scene.points_m
    cell_m = max(float(np.ptp(points, axis=0).max(initial=0)) / 512, 1e-6)
    while len(kept := _one_of_each_cell(points, cell_m)) > _VIEW_POINTS:
        cell_m *= 1.2
    thinned = replace(
        scene,
        points_m=points[kept],
        colours=scene.colours[kept],
        normals=None if scene.normals is None else scene.normals[kept],
        confidence=None,
    )
    export_scene(thinned, path, ("glb",), ExportOptions(square_m=_OVERLAP * cell_m))
    return path


def _one_of_each_cell(points_m: NDArray[np.float32], cell_m: float) -> NDArray[np.int64]:
    """Index of the first point in each cell of a grid."""
    return np.sort(np.unique(np.floor(points_m / cell_m).astype(np.int64), axis=0, return_index=True)[1])


def scene_text(found: Reconstruction, count: int, settings: ViewSettings, seconds: float) -> str:
    """One paragraph on a scene: views, points, extent, model, time, origin of the metres."""
    scene = found.scene
    points, views = len(scene.points_m), len(scene.views)
    edges = np.ptp(scene.points_m, axis=0) if points else np.zeros(3)
    unit = " m" if scene.is_metric else " (no unit)"
    of = settings.source if settings.source != UPLOAD else "the uploaded files"
    text = (
        f"{views} of {count} images of {of}: {points:,} points, {' x '.join(f'{edge:.2f}' for edge in edges)}{unit}. "
        f"Depth by {settings.model}, {seconds:.1f} s in all. {scale_sentence(scene.scale_source)}"
    )
    if len(found.posed.factors):
        text += " The depths of all images were scaled to agree by the cameras' poses."
    return message(text)


def _evenly(items: Sequence[Any], most: int) -> list[Any]:
    if len(items) <= most:
        return list(items)
    return [items[k * len(items) // most] for k in range(most)]
