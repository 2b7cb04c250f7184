"""The networks of Depth Anything as files."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_3.alignment import SKY_THRESHOLD
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, MetricDepth, MonoDepth, NestedDepth
from unity_depth_perception.models.engine.network_files.network_file import IMAGENET_INPUT, NetworkFile, Port

_DEPTH = Port("depth", "planar depth > 0; see below for metres")
_SKY = Port("sky", f">= 0; sky where {SKY_THRESHOLD:g} or more, where depth means nothing")
_CAMERA = Port("intrinsics", "predicted 3 x 3 matrix [px] at the size of `image`, principal point from its corner")
_METRIC = (
    "metres = depth * f / 300, with f = (fx + fy) / 2 [px] of the camera at the size of `image`: multiply the focal "
    "length by the ratio of the sizes when the image is resized."
)
_RELATIVE = "The depth is relative: one unknown factor per image to metres."


def depth_anything_2_files(estimator: DepthAnythingV2, image: Tensor) -> list[NetworkFile]:
    """The file of a metric network of Depth Anything V2."""
    use = f"metres = depth * {estimator.variant.max_depth_m:g}"
    depth = Port("depth", "fraction 0..1 of the largest depth; see below for metres")
    inputs = (Port("image", IMAGENET_INPUT),)
    return [NetworkFile("depth", estimator.network, (estimator.network_input(image),), inputs, (depth,), use)]


def depth_anything_3_files(
    estimator: MetricDepth | MonoDepth | AnyViewDepth | NestedDepth, image: Tensor
) -> list[NetworkFile]:
    """The file of a network of Depth Anything 3, for one view; two of a nested model."""
    arguments, inputs = (estimator.network_input(image),), (Port("image", IMAGENET_INPUT),)

    def file(name: str, network: object, outputs: tuple[Port, ...], use: str) -> NetworkFile:
        return NetworkFile(name, cast(nn.Module, network), arguments, inputs, outputs, use)

    if isinstance(estimator, MetricDepth):
        return [file("depth", estimator.network, (_DEPTH, _SKY), _METRIC)]
    if isinstance(estimator, MonoDepth):
        return [file("depth", estimator.network, (_DEPTH, _SKY), _RELATIVE)]
    confidence = Port("confidence", ">= 1, higher is more confident")
    any_view = file("depth", estimator.network, (_DEPTH, confidence, _CAMERA), _RELATIVE)
    if not isinstance(estimator, NestedDepth):
        return [any_view]
    scale = (
        f"{_METRIC} The package scales the depth of depth.onnx by one factor to these metres, by least squares over "
        "the pixels that are not sky and whose confidence is at least the median."
    )
    return [any_view, file("metric", estimator.metric_network, (_DEPTH, _SKY), scale)]
