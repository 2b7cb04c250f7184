"""`unity-depth estimate`: depth, objects and distances of single images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.options import (
    DepthModelOption,
    DepthWeightsOption,
    DeviceOption,
    SegmentationModelOption,
)
from unity_depth_perception.cli.progress import track
from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import ConfigurationError, ImageError, InputError

if TYPE_CHECKING:
    from unity_depth_perception.core.objects import ObjectDistance
    from unity_depth_perception.pipeline import Frame

_SHOWN = 10  # of the images that failed


def estimate(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files: png, jpeg, ...")],
    output: Annotated[Path, typer.Option(help="Folder for the results.")],
    intrinsics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Intrinsics file of the camera that took the images.")
    ] = None,
    vertical_fov: Annotated[
        float | None, typer.Option(metavar="DEG", help="Or its vertical field of view (Unity: Camera.fieldOfView).")
    ] = None,
    depth_model: DepthModelOption = "compact",
    depth_weights: DepthWeightsOption = None,
    correct_focal: Annotated[
        bool, typer.Option("--correct-focal", help="Scale Depth Anything V2 indoor's metres to this focal length.")
    ] = False,
    metres_per_unit: Annotated[
        float | None, typer.Option(min=1e-6, help="Makes metres of a model whose depth has no unit.")
    ] = None,
    segmentation_model: SegmentationModelOption = "compact",
    device: DeviceOption = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of an earlier call.")] = False,
) -> None:
    """Write depth, objects and their distances, pictures and a point cloud for each image."""
    import torch

    from unity_depth_perception.export.result_folder import ResultFolder
    from unity_depth_perception.models.metric_scale import DepthScale
    from unity_depth_perception.models.registry import (
        create_depth_estimator,
        create_segmenter,
        is_metric,
        require_usable,
    )
    from unity_depth_perception.models.runtime.device import resolve_device
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.pipeline import PerceptionPipeline

    cameras = CameraSource(intrinsics=intrinsics, vertical_fov_deg=vertical_fov)
    _require_files(images)
    scale = DepthScale() if metres_per_unit is None else DepthScale("fixed", metres_per_unit)
    require_usable(depth_model, segmentation_model, scale)
    if metres_per_unit is not None and is_metric(depth_model):
        raise ConfigurationError(f"--metres-per-unit: expected a model whose depth has no unit, got {depth_model}")
    chosen = resolve_device(device, torch.cuda.is_available())
    pipeline = PerceptionPipeline(
        create_depth_estimator(depth_model, chosen, depth_weights, DepthOptions(correct_focal=correct_focal)),
        create_segmenter(segmentation_model, chosen),
        scale=scale,
    )
    failures: list[str] = []
    with ResultFolder(output, images, overwrite=overwrite) as folder:
        for image in track(images, len(images), "estimating"):
            try:
                result = pipeline.process(_frame(image, cameras))
            except InputError as error:
                failures.append(str(error) if str(image) in str(error) else f"{image}: {error}")
            else:
                typer.echo(_line(image, result.objects, folder.add(image, result)))
    typer.echo(f"{len(images) - len(failures)} of {len(images)} images: {output}")
    if failures:
        raise ImageError(f"{len(failures)} of {len(images)} images were left out:{_listed(failures)}")


def _require_files(images: list[Path]) -> None:
    """Raise one ImageError that lists all missing files, before models load."""
    missing = (image for image in images if not image.is_file())
    problems = [f"{image}: {'a folder; name its images' if image.is_dir() else 'no such file'}" for image in missing]
    if problems:
        raise ImageError(f"expected image files, got{_listed(problems)}")


def _frame(path: Path, cameras: CameraSource) -> Frame:
    from unity_depth_perception.dataset.files import read_image
    from unity_depth_perception.pipeline import Frame

    image = read_image(path)
    return Frame(image, cameras.camera_for(image.shape[1], image.shape[0]), frame_id=path.name)


def _line(image: Path, objects: Sequence[ObjectDistance], beyond_px: int) -> str:
    """Line of output for one image: its objects, and the number of pixels too far for 16-bit depth."""
    found = ", ".join(f"{item.category} {item.distance.median:.3f} m" for item in objects) or "no objects"
    note = f" ({beyond_px} px are too far for the 16-bit png: 0 there, right in the .npy)" if beyond_px else ""
    return f"{image.name}: {found}{note}"


def _listed(problems: Sequence[str]) -> str:
    more = f"\n  ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "".join(f"\n  - {problem}" for problem in problems[:_SHOWN]) + more
