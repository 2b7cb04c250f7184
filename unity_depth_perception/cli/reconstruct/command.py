"""`unity-depth reconstruct`: one scene from several images, a video, a dataset, a bag or a COLMAP model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from unity_depth_perception.cli.options import DEPTH_MODELS, DepthWeightsOption, DeviceOption, require_files
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.output_folder import output_folder

if TYPE_CHECKING:
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.reconstruction.reconstruct import Reconstruction
    from unity_depth_perception.reconstruction.sources.input_view import InputView, ViewSource

_FORMATS = ("ply", "glb", "npz", "mini_npz", "colmap", "colmap_bin", "mp4")
_GAUSSIAN_FORMATS = ("gs_ply", "gs_mp4")
PICTURE, REPORT = "scene.png", "reconstruction.json"


class Keyframes(StrEnum):
    """Which views are used."""

    AUTO = "auto"
    MOTION = "motion"
    ALL = "all"


class ReferenceView(StrEnum):
    """Rules of Depth Anything 3 that choose the reference view."""

    SADDLE_BALANCED = "saddle_balanced"
    SADDLE_SIM_RANGE = "saddle_sim_range"
    FIRST = "first"
    MIDDLE = "middle"


def reconstruct(
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...", help="Images, folders of them, a video, a dataset folder, a bag or a COLMAP folder."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the scene.")],
    formats: Annotated[
        str, typer.Option("--format", help=f"Of {', '.join((*_FORMATS, *_GAUSSIAN_FORMATS))}; with commas between.")
    ] = "npz,ply",
    depth_model: Annotated[
        str, typer.Option(help=f"truth, path of weights of train-depth, or one of {', '.join(DEPTH_MODELS)}.")
    ] = "compact",
    depth_weights: DepthWeightsOption = None,
    intrinsics: Annotated[Path | None, typer.Option(metavar="FILE", help="Intrinsics of all images.")] = None,
    vertical_fov: Annotated[float | None, typer.Option(metavar="DEG", help="Or their vertical field of view.")] = None,
    poses: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: image name to position and orientation (x, y, z, w) [m].")
    ] = None,
    poses_in_metres: Annotated[
        bool, typer.Option("--poses-in-metres", help="Poses of a COLMAP model are in metres, its world has z up.")
    ] = False,
    colmap_model: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Model in a COLMAP folder; default: sparse/0, sparse.")
    ] = None,
    fps: Annotated[float, typer.Option(min=1e-3, help="Frames per second that are taken of a video.")] = 1.0,
    keyframes: Annotated[
        Keyframes, typer.Option(help="motion: leave out views that barely move; auto: so for videos and bags.")
    ] = Keyframes.AUTO,
    max_views: Annotated[int | None, typer.Option(min=1, help="At most so many views, evenly chosen.")] = None,
    process_res: Annotated[int, typer.Option(min=28, help="Longest side of the processed images [px].")] = 504,
    window: Annotated[int, typer.Option(min=2, help="Views that an any-view model sees at once.")] = 16,
    overlap: Annotated[int, typer.Option(min=1, help="Views that two windows share.")] = 4,
    use_ray_pose: Annotated[bool, typer.Option("--use-ray-pose", help="Any-view: poses from rays; slower.")] = False,
    ref_view_strategy: Annotated[
        ReferenceView, typer.Option(help="Any-view: rule for the reference view.")
    ] = ReferenceView.SADDLE_BALANCED,
    conf_percentile: Annotated[
        float, typer.Option(min=0, max=100, help="Depth below this percentile of confidence is left out.")
    ] = 40.0,
    align: Annotated[bool, typer.Option(help="Scale single-view depths so that views agree by their poses.")] = True,
    voxel: Annotated[
        float | None, typer.Option(min=1e-6, metavar="M", help="Distance between points; default: depth / 200.")
    ] = None,
    truncation_voxels: Annotated[
        float | None, typer.Option(min=2, max=8, help="Averaged distance; default: 4 for truth, else 8.")
    ] = None,
    min_views: Annotated[int, typer.Option(min=1, help="Views that must see a point.")] = 2,
    max_points: Annotated[int, typer.Option(min=1, help="Most points of a file.")] = 1_000_000,
    show_cameras: Annotated[bool, typer.Option(help="Draw the cameras in the .glb.")] = True,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of an earlier call.")] = False,
) -> None:
    """Reconstruct one scene: depth of all views in one frame, fused to a cloud, with cameras.

    Known cameras and poses are used. The scale is that of true depth, of a metric model or of given poses; the report
    says which.
    """
    missing = [str(path) for path in source if not (path.exists() or set("*?[") & set(str(path)))]
    if missing:
        raise InputError(f"{', '.join(missing)}: no such file or folder")
    has_camera = intrinsics is not None or vertical_fov is not None
    cameras = CameraSource(intrinsics=intrinsics, vertical_fov_deg=vertical_fov) if has_camera else None
    require_files(depth_weights, None if depth_model == "truth" else depth_model)

    from unity_depth_perception.export.export_scene import ExportOptions, export_scene, require_formats
    from unity_depth_perception.models.depth_anything_3.gaussians import require_gaussian_model
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.reconstruction.depth_of_views import DepthConfig
    from unity_depth_perception.reconstruction.fusion import FusionConfig
    from unity_depth_perception.reconstruction.reconstruct import ReconstructionConfig
    from unity_depth_perception.reconstruction.reconstruct import reconstruct as reconstruct_views
    from unity_depth_perception.reconstruction.sources.open_views import open_views, read_poses
    from unity_depth_perception.reconstruction.windows import WindowConfig

    names = [name.strip() for name in formats.split(",")]
    require_formats(names)
    has_gaussians = not set(names).isdisjoint(_GAUSSIAN_FORMATS)
    if has_gaussians:
        require_gaussian_model(depth_model)
    views = open_views(
        source,
        fps=fps,
        cameras=cameras,
        poses=None if poses is None else read_poses(poses),
        colmap_model=colmap_model,
    )
    truncation = truncation_voxels or (4.0 if depth_model == "truth" else 8.0)
    config = ReconstructionConfig(
        DepthConfig(
            WindowConfig(window, min(overlap, window - 1)),
            use_ray_pose,
            ref_view_strategy.value,
            has_gaussians,
            align,
            views.poses_in_metres or poses_in_metres,
        ),
        FusionConfig(voxel, truncation, min_views, conf_percentile),
    )
    start = time.perf_counter()
    with output_folder(output, [PICTURE, REPORT], replace=overwrite):
        pass  # refused now, not after the computation
    with kept_on_interrupt(lambda: "files are written at the end, so there are none"):
        options = DepthOptions(process_res if depth_model.startswith(("da2", "da3")) else 0, gaussians=has_gaussians)
        chosen = _chosen_views(views, keyframes, max_views, process_res)
        estimator = None if depth_model == "truth" else _estimator(depth_model, depth_weights, device, options)
        found = reconstruct_views(chosen, estimator, config, _track)
        export = ExportOptions(max_points=max_points, show_cameras=show_cameras)
        files = export_scene(found.scene, output, names, export, overwrite=overwrite)
        report = _report(found, views, depth_model, files, time.perf_counter() - start)
        _write_report(output, found, report)
    if as_json:
        typer.echo(json.dumps(report, indent=1))
        return
    unit = f" {found.scene.unit}" if found.scene.is_metric else " (no unit)"
    extent = " x ".join(f"{edge:.3g}" for edge in report["extent"])
    typer.echo(f"{report['views']} of {len(views)} views, {report['points']} points, {extent}{unit}")
    typer.echo(f"scale from: {report['scale']}; world: {report['axes']}")
    typer.echo(f"{', '.join(report['files'])}: {output}")


def _estimator(name: str, weights: Path | None, device: str, options: DepthOptions) -> Any:
    import torch

    from unity_depth_perception.models.registry import create_depth_estimator, require_known_depth_model
    from unity_depth_perception.models.runtime.device import resolve_device

    require_known_depth_model(name)
    return create_depth_estimator(name, resolve_device(device, torch.cuda.is_available()), weights, options)


def _chosen_views(source: ViewSource, keyframes: Keyframes, max_views: int | None, longest_px: int) -> list[InputView]:
    """The views that are reconstructed, at the processed size."""
    from unity_depth_perception.reconstruction.sources.keyframes import choose_keyframes

    indices = list(range(len(source)))
    views: Iterable[InputView] = (source.read(k).bounded(longest_px) for k in track(indices, len(indices), "reading"))
    by_motion = keyframes is Keyframes.MOTION or (keyframes is Keyframes.AUTO and source.is_stream)
    chosen = choose_keyframes(views) if by_motion else list(views)
    if max_views is None or len(chosen) <= max_views:
        return chosen
    return [chosen[k * len(chosen) // max_views] for k in range(max_views)]


def _track(indices: Sequence[int], stage: str) -> Iterable[int]:
    return track(indices, len(indices), stage)


def _report(
    found: Reconstruction, source: ViewSource, depth_model: str, files: list[Path], seconds: float
) -> dict[str, Any]:
    """Content of reconstruction.json."""
    scene, factors = found.scene, found.posed.factors
    points = scene.points_m
    return {
        "version": 1,
        "source": source.kind,
        "views": len(scene.views),
        "images": len(source),
        "depth_model": depth_model,
        "scale": found.scale,
        **scene.frame_description(),
        "points": len(points),
        "gaussians": 0 if scene.gaussians is None else len(scene.gaussians),
        "extent": [float(edge) for edge in np.ptp(points, axis=0)] if len(points) else [0.0, 0.0, 0.0],
        "scale_factors": {"min": float(factors.min()), "max": float(factors.max())} if len(factors) else None,
        "seconds": round(seconds, 1),
        "files": [*(path.name for path in files), PICTURE, REPORT],
    }


def _write_report(output: Path, found: Reconstruction, report: dict[str, Any]) -> None:
    from unity_depth_perception.core.files.atomic_file import write_json
    from unity_depth_perception.reconstruction.pictures import write_scene_picture

    with output_folder(output, [PICTURE, REPORT]):
        write_scene_picture(output / PICTURE, found.scene)
        write_json(output / REPORT, report)
