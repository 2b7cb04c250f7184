"""Models by name. A new back end is one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.compact import CompactDepth, CompactSegmenter
from unity_depth_perception.models.floor_plane import FloorPlaneEstimator
from unity_depth_perception.models.protocols import DepthEstimator, Segmenter

_DEPTH: dict[str, Callable[[torch.device], DepthEstimator]] = {
    "compact": CompactDepth,
    "floor-plane": FloorPlaneEstimator,
}
_SEGMENTATION: dict[str, Callable[[torch.device], Segmenter]] = {"compact": CompactSegmenter}


def depth_model_names() -> tuple[str, ...]:
    """Names that `create_depth_estimator` takes."""
    return tuple(_DEPTH)


def segmentation_model_names() -> tuple[str, ...]:
    """Names that `create_segmenter` takes."""
    return tuple(_SEGMENTATION)


def create_depth_estimator(name: str, device: torch.device) -> DepthEstimator:
    """Load a depth back end by name, or weights of `train-depth` by path.

    Raises:
        ModelError: unknown name, or weights that cannot be used.
    """
    if name in _DEPTH:
        return _DEPTH[name](device)
    return CompactDepth(device, _weights_file(name, "depth", depth_model_names()))


def create_segmenter(name: str, device: torch.device) -> Segmenter:
    """Load a segmentation back end by name, or a checkpoint of `train-segmentation` by path.

    Raises:
        ModelError: unknown name, or weights that cannot be used.
    """
    if name in _SEGMENTATION:
        return _SEGMENTATION[name](device)
    return CompactSegmenter(device, _weights_file(name, "segmentation", segmentation_model_names()))


def _weights_file(name: str, what: str, known: tuple[str, ...]) -> Path:
    if not name.endswith(".safetensors"):
        raise ModelError(
            f"unknown {what} model {name!r}: expected one of {', '.join(known)} or the path of a .safetensors file"
        )
    return Path(name)
