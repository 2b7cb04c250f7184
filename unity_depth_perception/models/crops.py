"""Objects cut out of images and brought to one size, for the networks that look at them singly."""

from __future__ import annotations

from torch import Tensor, cat
from torchvision.ops import roi_align

CROP_PX = 64


def square_crops(image: Tensor, boxes: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """N objects, each in the middle of a square.

    Args:
        image: (B, 3, H, W) float, RGB 0..1.
        boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
        margin: side of a square over the longer side of its box.

    Returns:
        The crops (N, 3, CROP_PX, CROP_PX), normalised to about -2..2; their centres (N, 2) and sides (N,) [px].
    """
    center, side = (boxes[:, 1:3] + boxes[:, 3:5]) / 2, margin * (boxes[:, 3:5] - boxes[:, 1:3]).amax(dim=1)
    square = cat([boxes[:, :1], center - side[:, None] / 2, center + side[:, None] / 2], dim=1)
    crops = roi_align(image, square, (CROP_PX, CROP_PX), sampling_ratio=2)
    return (crops - 0.5) / 0.25, center, side
