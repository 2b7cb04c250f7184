"""Files of results: pictures, 3D view, downloads; pictures of a comparison of two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.export.export_scene import ExportOptions, export_scene
from unity_depth_perception.export.pictures import depth_picture, depth_range
from unity_depth_perception.export.result_scene import load_result
from unity_depth_perception.perception import ImagePerception

_VIEW = ExportOptions(max_points=120_000, as_mesh=True)  # what a phone still turns smoothly; points would leave gaps


@dataclass(frozen=True)
class ResultFiles:
    """Files of one result.

    Attributes:
        overlay, depth: pictures.
        model: .glb with the surface, the camera and the objects' boxes.
        downloads: results.json, .ply, .glb, .npz, 16-bit depth in millimetres.
    """

    overlay: Path
    depth: Path
    model: Path
    downloads: tuple[Path, ...]


@dataclass(frozen=True)
class ComparisonFiles:
    """Pictures of two results, whose depth has one colour scale."""

    overlays: tuple[Path, Path]
    depths: tuple[Path, Path]


def write_result(result: ImagePerception, folder: Path) -> Iterator[str | ResultFiles]:
    """Write a result's files to an empty folder; yields the name of each stage before it begins, the files at last.

    Raises:
        PerceptionError: nothing in the image has a depth, or the folder cannot be written.
    """
    yield "writing pictures and the point cloud"
    result.save(folder)
    yield "writing the 3D view"
    model, arrays = export_scene(load_result(folder), folder, ("glb", "npz"), _VIEW)
    stem = Path(result.result.frame.frame_id).stem
    names = ("results.json", f"{stem}.ply", model.name, arrays.name, f"{stem}_depth.png")
    yield ResultFiles(
        folder / f"{stem}_overlay.png",
        folder / f"{stem}_depth_colour.png",
        model,
        tuple(folder / name for name in names),
    )


def write_comparison(one: ImagePerception, other: ImagePerception, folder: Path) -> ComparisonFiles:
    """Write the pictures of two results of one image to an empty folder."""
    near_m, far_m = depth_range(one.depth_m)
    paths = []
    for number, result in enumerate((one, other), 1):
        paths.append((folder / f"overlay_{number}.png", folder / f"depth_{number}.png"))
        write_image(paths[-1][0], result.overlay())
        write_image(paths[-1][1], depth_picture(result.depth_m, near_m=near_m, far_m=far_m))
    return ComparisonFiles((paths[0][0], paths[1][0]), (paths[0][1], paths[1][1]))
