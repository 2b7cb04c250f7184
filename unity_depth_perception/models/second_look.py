"""The second look: whether and what an object is, from its own pixels, once Mask R-CNN has found it.

The box head sees an object through 7 x 7 cells of features, whose size follows the object's; whether its edges are
equally long is lost there, and whether they are straight. Cut out, brought to a fixed size and with its mask beside it,
that is plain to see.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.blocks import ResidualBlock, conv_block
from unity_depth_perception.models.crops import CROP_PX, square_crops

MASK_PX = 28
_MARGIN = 1.4  # side of a crop over the longer side of the object's box


class SecondLookNetwork(nn.Module):
    """Tells objects cut out of an image from what only resembles them, and their categories."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_block(4, 24, stride=2),
            conv_block(24, 48, stride=2),
            ResidualBlock(48),
            ResidualBlock(48),
            conv_block(48, 96, stride=2),
            ResidualBlock(96),
            ResidualBlock(96),
            ResidualBlock(96),
            conv_block(96, 128, stride=2),
            ResidualBlock(128),
            nn.Flatten(),
            nn.Linear(128 * (CROP_PX // 16) ** 2, 128),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(128, 1 + class_count)

    def forward(self, image: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
        """Logits (N, 1 + C) of N objects: that each is none, and of its categories.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
            masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.
        """
        crops, _, side = square_crops(image, boxes, _MARGIN)
        placed = _placed(masks, side[:, None] / (boxes[:, 3:5] - boxes[:, 1:3]))
        logits: Tensor = self.head(self.features(torch.cat([crops, placed], dim=1)))
        return logits


def _placed(masks: Tensor, stretch: Tensor) -> Tensor:
    """Masks (N, 1, CROP_PX, CROP_PX) in crops that are `stretch` (N, 2) times as wide and high as the masks' boxes."""
    grid = (torch.arange(CROP_PX, device=masks.device) + 0.5) / CROP_PX * 2 - 1
    x, y = grid * stretch[:, :1], grid * stretch[:, 1:]  # (N, CROP_PX), -1..1 in the box
    shape = (len(masks), CROP_PX, CROP_PX)
    where = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=3)
    return functional.grid_sample(masks[:, None], where, align_corners=False)
