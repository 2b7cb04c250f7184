"""Size and preprocessing of the input image of the Depth Anything 3 networks."""

from __future__ import annotations

from torch import Tensor

from unity_depth_perception.models.depth_anything_3.network import PATCH_PX
from unity_depth_perception.models.runtime.preprocessing import (
    nearest_multiple,
    normalize_imagenet,
    resize_area,
    resize_cubic,
)


def network_image(image: Tensor, longest_px: int) -> Tensor:
    """Network input (1, 3, h, w), h and w multiples of PATCH_PX, from an image (H, W, 3) uint8 RGB.

    Resized as by depth_anything_3.utils.io.input_processor: the longest side to `longest_px`, then each side to the
    nearest multiple; then normalised over ImageNet.
    """
    height, width = image.shape[:2]
    bounded = _resized(image, *_bounded_size(width, height, longest_px))
    return normalize_imagenet(_resized(bounded, *network_size(width, height, longest_px)))


def network_size(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """Width and height [px] of the network's input for an image of width x height px: multiples of PATCH_PX."""
    w, h = _bounded_size(width, height, longest_px)
    return nearest_multiple(w, PATCH_PX), nearest_multiple(h, PATCH_PX)


def _bounded_size(width: int, height: int, longest_px: int) -> tuple[int, int]:
    ratio = longest_px / max(width, height)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _resized(image: Tensor, width: int, height: int) -> Tensor:
    if width > image.shape[1] or height > image.shape[0]:
        return resize_cubic(image, width, height)
    return resize_area(image, width, height)
