"""Reference implementations: the depth networks as run by their authors' own front ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_model
from torch import Tensor

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.hub import locate_weights
from unity_depth_perception.models.depth_anything_2.network import PATCH_PX, DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS
from unity_depth_perception.models.depth_anything_2.weights import load_da2_weights
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS
from unity_depth_perception.models.runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD

_DA2_PX, _DA3_PX = 518, 504  # default processing sizes of the front ends


class Reference(NamedTuple):
    """A reference front end on its device.

    Attributes:
        name: of its entry point.
        infer: depth of an image (H, W, 3) uint8 RGB, left in host memory.
    """

    name: str
    infer: Callable[[NDArray[np.uint8]], object]


def has_reference(model: str) -> bool:
    """Whether `model` has a reference implementation to compare with."""
    return model in DA2_VARIANTS or model in DA3_VARIANTS


def write_random_weights(model: str, folder: Path) -> None:
    """Write random weights of `model` in the layout of its repository on the hub.

    Raises:
        ModelError: the model's weights ship with the package, or it has none.
    """
    if not has_reference(model):
        raise ModelError(f"expected a Depth Anything model for random weights, got {model}; leave out --weights")
    if model in DA3_VARIANTS:
        _da3_front_end(model).save_pretrained(folder)
        return
    network = _da2_network(model)
    network.config.max_depth = int(DA2_VARIANTS[model].max_depth_m)
    network.save_pretrained(folder)


def load_reference(model: str, weights: Path | None, device: torch.device, size_px: int = 0) -> Reference:
    """Load the reference of `model` with the same weights and processing size.

    Raises:
        ModelError: the weights cannot be obtained or loaded.
    """
    if model in DA3_VARIANTS:
        front_end = _da3_front_end(model)
        load_model(front_end, locate_weights(DA3_VARIANTS[model].published, weights))
        return _da3_reference(front_end, device, size_px)
    network = _da2_network(model)
    variant = DA2_VARIANTS[model]
    load_da2_weights(network, locate_weights(variant.published, weights), variant)
    return _da2_reference(network, device, size_px)


def reference_of(model: str, weights: Mapping[str, Tensor], device: torch.device, size_px: int = 0) -> Reference:
    """The reference of `model` with the tensors of a network in memory, as of its `state_dict`."""
    if model in DA3_VARIANTS:
        front_end = _da3_front_end(model)
        front_end.model.load_state_dict(weights, strict=False)  # without the Gaussian head, which infers no depth
        return _da3_reference(front_end, device, size_px)
    network = _da2_network(model)
    network.load_state_dict(weights)
    return _da2_reference(network, device, size_px)


def _da3_reference(front_end: Any, device: torch.device, size_px: int) -> Reference:
    front_end.to(device)
    longest_px = size_px or _DA3_PX
    return Reference(
        "DepthAnything3.inference", lambda image: front_end.inference([image], process_res=longest_px).depth
    )


def _da2_reference(network: Any, device: torch.device, size_px: int) -> Reference:
    pipeline = _da2_pipeline(network, device, size_px or _DA2_PX)
    return Reference("transformers pipeline", lambda image: pipeline(Image.fromarray(image))["predicted_depth"].cpu())


def _da2_network(model: str) -> Any:
    network = DepthAnythingV2Network(DA2_VARIANTS[model].architecture).net
    network.head.max_depth = DA2_VARIANTS[model].max_depth_m
    return network


def _da2_pipeline(network: Any, device: torch.device, side_px: int) -> Any:
    from transformers import DPTImageProcessor, pipeline

    processor = DPTImageProcessor(  # preprocessor_config.json of the hub's repositories
        size={"height": side_px, "width": side_px},
        keep_aspect_ratio=True,
        ensure_multiple_of=PATCH_PX,
        resample=Image.Resampling.BICUBIC,
        image_mean=list(IMAGENET_MEAN),
        image_std=list(IMAGENET_STD),
    )
    return pipeline("depth-estimation", model=network, image_processor=processor, device=device)


def _da3_front_end(model: str) -> Any:
    try:
        from depth_anything_3.utils.logger import logger

        logger.level = 0  # errors only: it warns about unused features and prints two lines per call
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # raised by its imports
            from depth_anything_3.api import DepthAnything3
    except ImportError as error:
        raise ModelError(
            f"the reference of {model} needs depth-anything-3 and what it imports ({error}): make setup"
        ) from None
    return DepthAnything3(model_name=DA3_VARIANTS[model].architecture)
