"""The size of the image that a network is given."""

from __future__ import annotations

import math

from torch import Tensor
from torchvision.transforms.v2 import functional as transforms


def processing_size(width: int, height: int, area_px: int) -> tuple[int, int]:
    """Width and height [px] with about `area_px` pixels and the image's aspect ratio; each side at least 32 px."""
    scale = math.sqrt(area_px / (width * height))
    return max(32, round(width * scale)), max(32, round(height * scale))


def resize_image(image: Tensor, width: int, height: int) -> Tensor:
    """(1, 3, height, width) float 0..1 from (H, W, 3) uint8, antialiased; channels-last in memory, as `image` is."""
    small: Tensor = transforms.resize(image.permute(2, 0, 1)[None], [height, width], antialias=True)
    return small.float() / 255
