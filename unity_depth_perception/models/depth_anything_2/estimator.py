"""Depth Anything V2, metric: planar depth in metres from one image.

The network learnt metres from images of its training cameras and does not know the camera in use: with another field of
view its depth is wrong by about the ratio of the focal lengths; see DepthOptions.correct_focal.
Reference: Yang et al., "Depth Anything V2", NeurIPS 2024.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.checkpoints.hub import locate_weights
from unity_depth_perception.models.depth_anything_2.network import PATCH_PX, DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS, Variant
from unity_depth_perception.models.depth_anything_2.weights import load_da2_weights
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.models.runtime.acceleration import accelerate, resolve_precision
from unity_depth_perception.models.runtime.head_precision import choose_head_precision, head_precision
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.models.runtime.preprocessing import normalize_imagenet, resize_bicubic
from unity_depth_perception.ops.resize import resize_depth

_SIDE_PX = 518


class DepthAnythingV2:
    """Depth estimator with a metric model of Depth Anything V2; it predicts neither sky nor confidence."""

    proposer = None

    def __init__(
        self, name: str, network: DepthAnythingV2Network, variant: Variant, device: torch.device, options: DepthOptions
    ) -> None:
        """Move `network` to `device` and set its precision, in place.

        Raises:
            ConfigurationError: correct_focal is set, but the model was trained with several cameras.
        """
        if options.correct_focal and variant.trained_focal is None:
            raise ConfigurationError(
                f"{name} was trained with several cameras: there is no focal length to correct for"
            )
        self.name = name
        self.device = device
        self.variant = variant
        self.network = network
        self._options = options
        precision = resolve_precision(options.network_precision, device)
        network.to(device).set_precision(precision)
        choose_head_precision(network, head_precision(precision, device), device)
        self._run = accelerate(network, options.acceleration, device, name, precision)

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        """Predict metric depth; see `DepthEstimator.infer`."""
        depth_m = resize_depth(self.depth_at_network_size(image), camera.width, camera.height)
        source = "focal" if self._options.correct_focal else "learned"
        return DepthPrediction(depth_m * self._focal_factor(camera), is_metric=True, scale_source=source)

    def depth_at_network_size(self, image: Tensor) -> Tensor:
        """Depth (h, w) float32 [m] at the network's size, without focal correction, of an image (H, W, 3) uint8 RGB."""
        unit: Tensor = self._run(self.network_input(image))
        return unit * self.variant.max_depth_m

    def network_input(self, image: Tensor) -> Tensor:
        """Input (1, 3, h, w) of the network for an image (H, W, 3) uint8 RGB."""
        return normalize_imagenet(resize_bicubic(image, *self.network_size(image.shape[1], image.shape[0])))

    def network_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height [px] of the network's input for an image of width x height px."""
        return network_size(width, height, self._options.size_px or _SIDE_PX)

    def _focal_factor(self, camera: Camera) -> float:
        """Focal length of this camera over that of the training camera, both relative to the image's shorter side.

        First order: an object of the same size in pixels is farther away in proportion to the focal length. The network
        gets every image with its shorter side at the same length.
        """
        if not self._options.correct_focal or self.variant.trained_focal is None:
            return 1.0
        return camera.focal_px / min(camera.width, camera.height) / self.variant.trained_focal


def create_da2(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthAnythingV2:
    """Load a model of DA2_VARIANTS from a file or folder, else from the hub or its cache.

    Raises:
        ModelError: transformers is missing, or the weights cannot be obtained or loaded.
        ConfigurationError: correct_focal is set, but the model was trained with several cameras.
    """
    variant = DA2_VARIANTS[name]
    path = locate_weights(variant.published, weights)
    with torch.device("meta"):  # saves the time to draw random weights, which the file replaces
        network = DepthAnythingV2Network(variant.architecture)
    load_da2_weights(network.to_empty(device="cpu").net, path, variant)
    return DepthAnythingV2(name, network, variant, device, options)


def network_size(width: int, height: int, side_px: int) -> tuple[int, int]:
    """Width and height [px] of the network's input for an image of width x height px: multiples of PATCH_PX.

    Of the two scales that bring a side to `side_px`, the one nearer to 1 is used (when shrinking, that of the shorter
    side), as by transformers' DPTImageProcessor with keep_aspect_ratio, rounding included; at least one patch.
    """
    by_width, by_height = side_px / width, side_px / height
    scale = by_width if abs(1 - by_width) < abs(1 - by_height) else by_height
    w, h = (max(1, round(scale * side / PATCH_PX)) * PATCH_PX for side in (width, height))
    return w, h
