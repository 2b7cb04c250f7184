"""Export of a depth model's networks as ONNX files with a README."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.files.atomic_file import write_file
from unity_depth_perception.core.files.output_folder import output_folder
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, MetricDepth, MonoDepth
from unity_depth_perception.models.engine.choice import TOLERANCE, relative_difference
from unity_depth_perception.models.engine.network_files.compact import compact_files
from unity_depth_perception.models.engine.network_files.depth_anything import (
    depth_anything_2_files,
    depth_anything_3_files,
)
from unity_depth_perception.models.engine.network_files.network_file import NetworkFile, Port
from unity_depth_perception.models.engine.network_files.unity_operators import NOT_ON_GPU, SUPPORTED, operators_in
from unity_depth_perception.models.engine.onnx_file import export_onnx, tensors_in
from unity_depth_perception.models.engine.sessions import how_to_install, is_installed, open_session
from unity_depth_perception.models.protocols import DepthEstimator

README = "README.md"


def export_model(
    estimator: DepthEstimator, image: Tensor, camera: Camera, output: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write the networks of a depth model as ONNX files and a README; each is compared with torch on `image`.

    Args:
        estimator: on the CPU, in float32.
        image: (H, W, 3) uint8 RGB; the files are made for images of this size.
        camera: intrinsics of the image.
        output: folder, which is made.
        overwrite: replace files of an earlier export.

    Returns:
        Paths of what was written.

    Raises:
        ModelError: the model has no network, onnx or onnxruntime is missing, or a file differs from torch.
        ConfigurationError: the folder cannot be used.
    """
    if not is_installed("onnxruntime"):
        raise ModelError(f"the export {how_to_install('onnxruntime')}")
    files = network_files(estimator, image, camera)
    names = [f"{file.name}.onnx" for file in files]
    with output_folder(output, [*names, *(f"{name}.data" for name in names), README], replace=overwrite):
        sections = [_export(file, output / name) for file, name in zip(files, names, strict=True)]
        write_file(output / README, _readme(estimator.name, image, sections).encode())
    return [output / name for name in (*names, README)]


def network_files(estimator: DepthEstimator, image: Tensor, camera: Camera) -> list[NetworkFile]:
    """Networks of a depth model; raises ModelError if it has none."""
    if isinstance(estimator, CompactDepth):
        return compact_files(estimator, image, camera)
    if isinstance(estimator, DepthAnythingV2):
        return depth_anything_2_files(estimator, image)
    if isinstance(estimator, MetricDepth | MonoDepth | AnyViewDepth):
        return depth_anything_3_files(estimator, image)
    raise ModelError(f"expected a depth model with a network, got {estimator.name}")


def _export(file: NetworkFile, path: Path) -> str:
    """Write one file; its section of the README."""
    with torch.inference_mode():
        expected = tensors_in(file.network(*file.arguments))
    export_onnx(
        file.network, file.arguments, path, [port.name for port in file.inputs], [port.name for port in file.outputs]
    )
    difference = relative_difference(
        open_session("onnxruntime", path, torch.device("cpu"), torch.get_num_threads())(file.arguments), expected
    )
    if not difference <= TOLERANCE:
        path.unlink()
        raise ModelError(
            f"{path.name}: expected the result of torch to {TOLERANCE:g} in ONNX Runtime, got a difference of "
            f"{difference:.1g}; the file is not kept"
        )
    return "\n".join(
        [
            f"## {path.name}",
            "",
            "Inputs, float32:",
            "",
            *_listed(file.inputs, file.arguments),
            "",
            "Outputs, float32:",
            "",
            *_listed(file.outputs, expected),
            "",
            file.use,
            "",
            f"Largest difference from torch on a sample image, in ONNX Runtime: {difference:.1g} of the largest value.",
            "",
            _unity(path),
        ]
    )


def _listed(ports: tuple[Port, ...], tensors: tuple[Tensor, ...] | list[Tensor]) -> list[str]:
    return [
        f"- `{port.name}` ({', '.join(map(str, tensor.shape))}): {port.meaning}"
        for port, tensor in zip(ports, tensors, strict=True)
    ]


def _unity(path: Path) -> str:
    """Opset, operators, and which of them Unity's Inference Engine lacks."""
    operators, opset = operators_in(path)
    missing, slow = sorted(operators - SUPPORTED), sorted(operators & NOT_ON_GPU)
    told = f"lacks {', '.join(missing)}" if missing else "has them all"
    if slow:
        told += f"; {', '.join(slow)} run on the CPU there"
    return (
        f"Opset {opset}, operators: {', '.join(sorted(operators))}. Unity's Inference Engine (com.unity.ai.inference, "
        f"by its documentation of 2.3) {told}; opsets up to 25 are official since 2.6, up to 15 before. It was not run "
        "there."
    )


def _readme(model: str, image: Tensor, sections: list[str]) -> str:
    height, width = image.shape[:2]
    head = (
        f"# {model} as ONNX\n\nWritten by `unity-depth export-model`, for images of {width} x {height} px or of the "
        "same proportions; another shape needs another export."
    )
    return "\n\n".join([head, *sections]) + "\n"
