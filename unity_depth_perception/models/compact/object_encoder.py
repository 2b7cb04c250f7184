"""Encoder of object crops: a convolutional network per crop, then attention between the crops of one image.

The attention gives context that a crop alone lacks: an object that stands on another is rarely a cube, and neither is
one that differs in size from the cubes around it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unity_depth_perception.models.compact.layers import ResidualBlock, attention_layer, conv_block
from unity_depth_perception.models.compact.object_crops import CROP_PX

FEATURES = 128
_ATTENTION_LAYERS = 2


class ObjectEncoder(nn.Module):
    """Feature vectors of object crops."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            conv_block(channels, 24, stride=2),
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
            nn.Linear(128 * (CROP_PX // 16) ** 2, FEATURES),
            nn.ReLU(inplace=True),
        )
        self.embed_place = nn.Linear(3, FEATURES)
        self.context = nn.TransformerEncoder(
            attention_layer(FEATURES, heads=4), num_layers=_ATTENTION_LAYERS, enable_nested_tensor=False
        )

    def forward(self, crops: Tensor, place: Tensor, image_of: Tensor, hint: Tensor | float = 0.0) -> Tensor:
        """Feature vectors (N, FEATURES) of N crops.

        Args:
            crops: (N, channels, CROP_PX, CROP_PX).
            place: (N, 3) position of each crop in its image, and the logarithm of its size.
            image_of: (N,) index of each crop's image; crops attend to those of the same image.
            hint: (N, FEATURES) embedding of what else is known (camera, gravity), added to each crop's features.
        """
        if not len(crops):
            return crops.new_zeros(0, FEATURES)
        tokens = self.convolutions(crops) + self.embed_place(place) + hint
        other_image = image_of[:, None] != image_of
        with torch.autocast("cpu", enabled=False):  # see ColumnAttention.forward
            mixed: Tensor = self.context(tokens.float()[None], mask=other_image, is_causal=False)[0]
        return mixed


def is_known(gravity: Tensor) -> Tensor:
    """(N, 1) bool: which of N directions (N, 3) are unit vectors; an unknown direction is given as zeros."""
    return gravity.square().sum(dim=1, keepdim=True) > 0.5
