"""Depth and segmentation models by name. A new model is one line here; its module is imported on first use."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from unity_depth_perception.core.errors import ConfigurationError, ModelError
from unity_depth_perception.models.checkpoints.hub import Published
from unity_depth_perception.models.checkpoints.safetensors_file import load_description
from unity_depth_perception.models.compact.depth import DEPTH_WEIGHTS, CompactDepth
from unity_depth_perception.models.compact.segmentation import CompactSegmenter
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS
from unity_depth_perception.models.fine_tuned import load_fine_tuned
from unity_depth_perception.models.metric_scale import DepthScale
from unity_depth_perception.models.protocols import DepthEstimator, Segmenter
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M, DepthOptions, require_acceleration


class DepthFactory(Protocol):
    """Function that loads a depth model of one family by its name."""

    def __call__(
        self, name: str, device: torch.device, weights: Path | None, options: DepthOptions
    ) -> DepthEstimator: ...


def _compact(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthEstimator:
    return CompactDepth(device, DEPTH_WEIGHTS if weights is None else weights, options)


def _floor_plane(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthEstimator:
    from unity_depth_perception.models.floor_plane_baseline import FloorPlaneEstimator

    if weights is not None:
        raise ModelError(f"the depth model {name} has no weights; leave out {weights}")
    return FloorPlaneEstimator(device)


def _da2(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthEstimator:
    from unity_depth_perception.models.depth_anything_2.estimator import create_da2

    return create_da2(name, device, weights, options)


def _da3(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthEstimator:
    from unity_depth_perception.models.depth_anything_3.estimator import create_da3

    return create_da3(name, device, weights, options)


_DEPTH: dict[str, DepthFactory] = {
    "compact": _compact,
    "floor-plane": _floor_plane,
    **dict.fromkeys(DA2_VARIANTS, _da2),
    **dict.fromkeys(DA3_VARIANTS, _da3),
}
_SEGMENTATION = ("compact",)
_DEFAULTS = DepthOptions()
_NO_SCALE = DepthScale()


def depth_model_names() -> tuple[str, ...]:
    """Names that `create_depth_estimator` accepts."""
    return tuple(_DEPTH)


def published_weights() -> dict[str, Published]:
    """Weights on the Hugging Face hub by the name of their depth model; the others come with the package."""
    da3 = {name: variant.published for name, variant in DA3_VARIANTS.items()}
    return da3 | {name: variant.published for name, variant in DA2_VARIANTS.items()}


def segmentation_model_names() -> tuple[str, ...]:
    """Names that `create_segmenter` accepts."""
    return _SEGMENTATION


def create_depth_estimator(
    name: str, device: torch.device, weights: Path | None = None, options: DepthOptions = _DEFAULTS
) -> DepthEstimator:
    """Load a depth model by name, or from a weights file of `train-depth` by its path.

    Args:
        name: one of `depth_model_names`, or the path of a .safetensors file of `train-depth`.
        weights: file or folder of weights that replace the embedded or published ones.
        options: input size, precision and acceleration.

    Raises:
        ModelError: the name is unknown, or the weights cannot be obtained or loaded.
        ConfigurationError: a cube's edge is given for another model than `compact`.
    """
    require_known_depth_model(name)
    if name != "compact" and options.cube_edge_m != CUBE_EDGE_M:
        raise ConfigurationError(
            f"expected the depth model compact for a cube's edge of {options.cube_edge_m:g} m, got {name}: its metres "
            "do not come from cubes, or training has told it their edge"
        )
    if name in _DEPTH:
        return _DEPTH[name](name, device, weights, options)
    if weights is not None:
        raise ModelError(f"the depth model {name} is a file of weights itself; leave out {weights}")
    return load_fine_tuned(Path(name), device, options)


def create_segmenter(name: str, device: torch.device, acceleration: str = "none") -> Segmenter:
    """Load a segmenter by name, or a weights file of `train-segmentation` by its path.

    `acceleration`, one of ACCELERATIONS, is of the detector's dense part.

    Raises:
        ModelError: the name is unknown, or the weights cannot be loaded.
        ConfigurationError: there is no such acceleration.
    """
    require_acceleration(acceleration)
    _require_known(name, "segmentation", segmentation_model_names())
    if name in _SEGMENTATION:
        return CompactSegmenter(device, acceleration=acceleration)
    if load_description(Path(name)).get("kind") == "mask-rcnn":
        from unity_depth_perception.models.mask_rcnn.segmenter import load_mask_rcnn

        return load_mask_rcnn(Path(name), device, acceleration)
    return CompactSegmenter(device, Path(name), acceleration)


def require_usable(depth_model: str | None, segmentation_model: str | None, scale: DepthScale = _NO_SCALE) -> None:
    """Check the names of a pipeline's models before anything is loaded; None: that stage has no model.

    Raises:
        ModelError: a name is unknown, or depth would be relative and there is no source of scale.
    """
    if depth_model is not None:
        require_known_depth_model(depth_model)
    if segmentation_model is not None:
        _require_known(segmentation_model, "segmentation", segmentation_model_names())
    scale.require_metres(depth_model is None or is_metric(depth_model))


def is_metric(depth_model: str) -> bool:
    """Whether a depth model, given by name or path, predicts metres for a single view."""
    return depth_model not in DA3_VARIANTS or DA3_VARIANTS[depth_model].kind.is_metric


def require_known_depth_model(name: str) -> None:
    """Raise ModelError unless `name` is that of a depth model or ends in .safetensors; nothing is loaded."""
    _require_known(name, "depth", depth_model_names())


def _require_known(name: str, what: str, known: tuple[str, ...]) -> None:
    if name not in known and name.endswith((".pth", ".pt", ".bin", ".ckpt")):
        way = "--depth-model NAME --depth-weights" if what == "depth" else "train-segmentation DATASET --from"
        raise ModelError(
            f"{name}: expected a .safetensors file that this package has trained; weights of others go in by "
            f"{way} {name}"
        )
    if name not in known and not name.endswith(".safetensors"):
        raise ModelError(
            f"unknown {what} model {name!r}: expected one of {', '.join(known)} or the path of a .safetensors file"
        )
