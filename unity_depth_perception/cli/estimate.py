"""`unity-depth estimate`: depth, objects and distances of single images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.options import (
    CubeEdgeOption,
    DepthModelOption,
    DepthWeightsOption,
    DeviceOption,
    SegmentationModelOption,
    require_files,
)
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import CameraError, ConfigurationError, InputError

_GUESSED = {
    "learned": "nothing in this image tells the scale, the metres are a guess",
    "none": "these are no metres",
}

if TYPE_CHECKING:
    from unity_depth_perception.dataset.image_inputs import ImageInput
    from unity_depth_perception.pipeline import Frame, PerceptionResult


def estimate(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="Images (PNG, JPEG, WebP), folders of them, quoted patterns, videos."),
    ],
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
    cube_edge: CubeEdgeOption = 0.07,
    metres_per_unit: Annotated[
        float | None, typer.Option(min=1e-6, help="Makes metres of a model whose depth has no unit.")
    ] = None,
    segmentation_model: SegmentationModelOption = "compact",
    device: DeviceOption = "auto",
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Of a video every N-th frame.")] = 10,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of an earlier call.")] = False,
) -> None:
    """Write depth, objects and their distances, pictures and a point cloud for each image.

    An image that cannot be used is listed at the end, with exit code 2; the others are done.
    """
    from unity_depth_perception.dataset.image_inputs import image_inputs, raise_if_images_failed

    cameras = CameraSource(intrinsics=intrinsics, vertical_fov_deg=vertical_fov)
    require_files(None if metres_per_unit else depth_weights, depth_model, segmentation_model)
    inputs = image_inputs(images, every)

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

    scale = DepthScale() if metres_per_unit is None else DepthScale("fixed", metres_per_unit)
    require_usable(depth_model, segmentation_model, scale)
    if metres_per_unit is not None and is_metric(depth_model):
        raise ConfigurationError(f"--metres-per-unit: expected a model whose depth has no unit, got {depth_model}")
    chosen = resolve_device(device, torch.cuda.is_available())
    pipeline = PerceptionPipeline(
        create_depth_estimator(
            depth_model, chosen, depth_weights, DepthOptions(correct_focal=correct_focal, cube_edge_m=cube_edge)
        ),
        create_segmenter(segmentation_model, chosen),
        scale=scale,
    )
    failures: list[str] = []
    sources: Counter[str] = Counter()
    done = 0
    with (
        kept_on_interrupt(lambda: f"the results of {done} of {len(inputs)} images are in {output}"),
        ResultFolder(output, [item.path for item in inputs], overwrite=overwrite) as folder,
    ):
        for item in track(inputs, len(inputs), "estimating"):
            try:
                result = pipeline.process(_frame(item, cameras))
            except (InputError, MemoryError) as error:
                reason = str(error) or type(error).__name__
                failures.append(reason if str(item.source) in reason else f"{item.source}: {reason}")
            else:
                typer.echo(_line(item.path, result, folder.add(item.path, result)))
                sources[result.depth.scale_source] += 1
                done += 1
    typer.echo(f"{done} of {len(inputs)} images: {output}")
    if sources:
        typer.echo(f"metres from: {', '.join(f'{source} ({count})' for source, count in sources.items())}")
    raise_if_images_failed(f"{len(failures)} of {len(inputs)} images were left out:", failures)


def _frame(item: ImageInput, cameras: CameraSource) -> Frame:
    from unity_depth_perception.dataset.files import exif_note
    from unity_depth_perception.pipeline import Frame

    image = item.read()
    try:
        camera = cameras.camera_for(image.shape[1], image.shape[0])
    except CameraError as error:
        note = exif_note(item.source) if item.source == item.path else ""
        raise CameraError(f"{error}{note}") from None
    return Frame(image, camera, frame_id=item.path.name)


def _line(image: Path, result: PerceptionResult, beyond_px: int) -> str:
    """Line of output for one image: its objects, a warning on their metres, the pixels too far for 16-bit depth."""
    found = ", ".join(f"{item.category} {item.distance.median:.3f} m" for item in result.objects) or "no objects"
    if result.depth.scale_source in _GUESSED:
        found += f" (warning: {_GUESSED[result.depth.scale_source]})"
    note = f" ({beyond_px} px are too far for the 16-bit png: 0 there, right in the .npy)" if beyond_px else ""
    return f"{image.name}: {found}{note}"
