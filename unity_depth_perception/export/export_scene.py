"""Export of a scene to files: one format, one writer, one file name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.output_folder import make_folder, output_folder
from unity_depth_perception.export.formats.gaussian_ply import write_gaussian_ply
from unity_depth_perception.export.formats.npz import write_mini_npz, write_npz
from unity_depth_perception.export.ply import write_ply
from unity_depth_perception.export.point_selection import select_points
from unity_depth_perception.export.scene import Scene

MAX_POINTS = 1_000_000
COLMAP_POINTS = 100_000
"""Largest number of points of a COLMAP model, each with its track; what Gaussian splatting starts from."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of the formats; a format ignores those that do not apply to it.

    Attributes:
        max_points: largest number of points of a cloud, or of vertices of all meshes.
        seed: of the selection of points: the same seed gives the same points in every format.
        as_mesh: .glb: meshes of the views' depth instead of the cloud.
        show_cameras: .glb: whether to draw the views' cameras.
        harmonics_degree: .ply of Gaussians: highest degree of the spherical harmonics; all if None.
        frames_per_s: of the depth video.
        square_m: .glb: edge [m] of the square that each point with a normal is drawn as; 0: points.
    """

    max_points: int = MAX_POINTS
    seed: int = 0
    as_mesh: bool = False
    show_cameras: bool = True
    harmonics_degree: int | None = None
    frames_per_s: float = 10.0
    square_m: float = 0.0


def _ply(path: Path, scene: Scene, options: ExportOptions) -> None:
    cloud = select_points(scene, options.max_points, options.seed)
    comments = [f"{key} {value}" for key, value in scene.frame_description().items()]
    write_ply(
        path, cloud.points_m, cloud.colours, normals=cloud.normals, confidence=cloud.confidence, comments=comments
    )


def _glb(path: Path, scene: Scene, options: ExportOptions) -> None:
    from unity_depth_perception.export.formats.glb import write_glb

    write_glb(
        path,
        scene,
        max_points=options.max_points,
        seed=options.seed,
        as_mesh=options.as_mesh,
        show_cameras=options.show_cameras,
        square_m=options.square_m,
    )


def _colmap(path: Path, scene: Scene, options: ExportOptions, binary: bool = False) -> None:
    from unity_depth_perception.export.formats.colmap import write_colmap

    limit = min(options.max_points, COLMAP_POINTS)
    write_colmap(path, scene, max_points=limit, seed=options.seed, binary=binary)


def _depth_video(path: Path, scene: Scene, options: ExportOptions) -> None:
    from unity_depth_perception.export.formats.depth_video import write_depth_video

    write_depth_video(path, scene, options.frames_per_s)


def _gaussian_video(path: Path, scene: Scene, options: ExportOptions) -> None:
    from unity_depth_perception.export.formats.gaussian_video import write_gaussian_video

    write_gaussian_video(path, scene)


FORMATS: dict[str, tuple[str, Callable[[Path, Scene, ExportOptions], None]]] = {
    "ply": ("scene.ply", _ply),
    "gs_ply": ("gaussians.ply", lambda path, scene, options: write_gaussian_ply(path, scene, options.harmonics_degree)),
    "glb": ("scene.glb", _glb),
    "npz": ("scene.npz", lambda path, scene, options: write_npz(path, scene)),
    "mini_npz": ("scene_mini.npz", lambda path, scene, options: write_mini_npz(path, scene)),
    "colmap": ("colmap", _colmap),
    "colmap_bin": ("colmap_bin", lambda path, scene, options: _colmap(path, scene, options, binary=True)),
    "mp4": ("depth.mp4", _depth_video),
    "gs_mp4": ("gaussians.mp4", _gaussian_video),
}
"""Name of each format: its file (COLMAP: folder) in an output folder, and its writer."""
_LIBRARIES = {
    "glb": "trimesh",
    "colmap": "pycolmap",
    "colmap_bin": "pycolmap",
    "mp4": "imageio_ffmpeg",
    "gs_mp4": "imageio_ffmpeg",
}
"""Modules that a format needs beside the package's own requirements."""


def export_scene(
    scene: Scene,
    output: Path,
    formats: Sequence[str],
    options: ExportOptions = ExportOptions(),
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write a scene in some formats; each file is written whole or not at all.

    Args:
        output: a folder; or, with a single format, a file that ends as the format's does (`room.glb`).
        formats: names of FORMATS.
        overwrite: whether files of an earlier export may be replaced.

    Returns:
        The files and folders written, in the order of `formats`.

    Raises:
        ConfigurationError: a format is unknown or cannot be written here, or a file exists already.
        InputError: the scene lacks what a format needs.
    """
    chosen = list(dict.fromkeys(formats))
    require_formats(chosen)
    suffix = Path(FORMATS[chosen[0]][0]).suffix
    if len(chosen) == 1 and suffix and output.suffix == suffix and not output.is_dir():
        return [_write_single(scene, output, chosen[0], options, overwrite)]
    names = [FORMATS[name][0] for name in chosen]
    with output_folder(output, names, replace=overwrite):
        for name, format_name in zip(names, chosen, strict=True):
            FORMATS[format_name][1](output / name, scene, options)
    return [output / name for name in names]


def require_formats(formats: Sequence[str]) -> None:
    """Raise ConfigurationError unless all formats are known and can be written on this machine."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ConfigurationError(
            f"expected formats of {', '.join(FORMATS)}, got {', '.join(map(repr, unknown)) or 'none'}"
        )
    for name in formats:
        library = _LIBRARIES.get(name)
        if library is not None and importlib.util.find_spec(library) is None:
            raise ConfigurationError(
                f"format {name} needs the package {library.replace('_', '-')}, which is not installed: "
                "pip install unity-depth-perception[export]"
            )
    if "gs_mp4" in formats:
        from unity_depth_perception.export.formats.gaussian_video import require_gaussian_renderer

        require_gaussian_renderer()


def _write_single(scene: Scene, path: Path, name: str, options: ExportOptions, overwrite: bool) -> Path:
    if path.exists() and not overwrite:
        raise ConfigurationError(f"{path}: exists already; choose another file, or overwrite it (--overwrite)")
    make_folder(path.absolute().parent)
    FORMATS[name][1](path, scene, options)
    return path
