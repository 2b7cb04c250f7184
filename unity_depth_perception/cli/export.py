"""`unity-depth export`: a result as point cloud, mesh, Gaussians, COLMAP model or video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from unity_depth_perception.cli.progress import kept_on_interrupt
from unity_depth_perception.core.errors import InputError

_FORMATS = "ply, gs_ply, glb, npz, mini_npz, colmap, colmap_bin, mp4, gs_mp4"


def export(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="scene.npz, a folder written by estimate, or a dataset with depth.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write to; or, with one format, a file such as room.glb.")],
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help=f"One or several of {_FORMATS}.")
    ] = "glb",
    frame: Annotated[
        str | None, typer.Option(metavar="NAME", help="Image of a folder or dataset that holds several.")
    ] = None,
    max_points: Annotated[
        int, typer.Option(min=1, help="Largest number of points, or of vertices of meshes.")
    ] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the selection of points.")] = 0,
    mesh: Annotated[bool, typer.Option("--mesh", help="Meshes of the depth images in .glb instead of points.")] = False,
    show_cameras: Annotated[bool, typer.Option(help="Draw the cameras in .glb.")] = True,
    harmonics_degree: Annotated[
        int | None, typer.Option(min=0, max=4, help="Highest degree of the harmonics in gs_ply; default: all.")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, help="Frames per second of the depth video.")] = 10.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier export.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a result in other formats, in its own world frame; units and axes are stated in each file."""
    from unity_depth_perception.export.export_scene import ExportOptions, export_scene, require_formats
    from unity_depth_perception.export.result_scene import load_result

    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    require_formats(chosen)
    scene = load_result(result, frame)
    if not scene.views and not len(scene.points_m) and scene.gaussians is None:
        raise InputError(f"{result}: expected a scene with something to export, got an empty one")
    options = ExportOptions(max_points, seed, mesh, show_cameras, harmonics_degree, fps)
    with kept_on_interrupt(lambda: f"what is in {output} is complete"):
        written = export_scene(scene, output, chosen, options, overwrite=overwrite)
    if as_json:
        files = {name: str(path) for name, path in zip(dict.fromkeys(chosen), written, strict=True)}
        typer.echo(json.dumps(scene.frame_description() | {"files": files}, indent=1, ensure_ascii=False))
        return
    for path in written:
        typer.echo(str(path))
    typer.echo(f"unit: {scene.unit}, scale from: {scene.scale_source}, axes: {scene.frame_description()['axes']}")
