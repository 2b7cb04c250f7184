"""The encoder of the networks that look at objects singly, and then at those of one image together.

What an object is, its own pixels tell only in part: of objects that look alike, what stands upon another is hardly a
cube, and neither is what differs in size from those that are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unity_depth_perception.models.compact.layers import ResidualBlock, attention_layer, conv_block
from unity_depth_perception.models.compact.object_crops import CROP_PX

FEATURES = 128
_LAYERS = 2  # of attention between the objects of an image


class ObjectEncoder(nn.Module):
    """Features of objects cut out of images."""

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
            attention_layer(FEATURES, heads=4), num_layers=_LAYERS, enable_nested_tensor=False
        )

    def forward(self, crops: Tensor, place: Tensor, image_of: Tensor, hint: Tensor | float = 0.0) -> Tensor:
        """(N, FEATURES) of N objects.

        Args:
            crops: (N, channels, CROP_PX, CROP_PX).
            place: (N, 3) where in its image each is, and the logarithm of its size.
            image_of: (N,) which image each is of.
            hint: (N, FEATURES) what else is known.
        """
        if not len(crops):
            return crops.new_zeros(0, FEATURES)
        tokens = self.convolutions(crops) + self.embed_place(place) + hint
        apart = image_of[:, None] != image_of
        with torch.autocast("cpu", enabled=False):  # as in the dense network
            together: Tensor = self.context(tokens.float()[None], mask=apart)[0]
        return together


def is_known(down: Tensor) -> Tensor:
    """(N, 1) bool: which of N directions (N, 3) are unit vectors, and not the zeros of an unknown one."""
    return down.square().sum(dim=1, keepdim=True) > 0.5
