"""Whether an image shows the sky, told from the features that the dense network of rooms has of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.compact.dense.depth_network import WIDTHS, Encoding

_WIDTH = 48
LEAST_PROBABILITY = 0.5
"""Probability of the sky from which an image is given to the network of open scenes."""
LEAST_SKY = 0.02
"""Share of the image that this network then has to find sky in, else it is a room after all; less decides nothing."""


class SkyGate(nn.Module):
    """Logits of the sky in the image, and in each cell of the encoder's coarsest level."""

    def __init__(self) -> None:
        super().__init__()
        inputs = WIDTHS[-1] + WIDTHS[-2] + 2
        self.norm = nn.BatchNorm2d(inputs, affine=False)
        self.embed = nn.Conv2d(inputs, _WIDTH, 1)
        self.mix = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.sky = nn.Conv2d(_WIDTH, 1, 1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2 * _WIDTH + 2, 1)

    def forward(self, coarsest: Tensor, finer: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) of the images and (B, h, w) of the cells.

        Args:
            coarsest: (B, C, h, w) of the Encoding.
            finer: (B, D, 2 h, 2 w) last of its skips.
            rays: (B, 2, H, W) viewing rays of the pixels.
        """
        size = (coarsest.shape[2], coarsest.shape[3])
        inputs = [coarsest, *(functional.adaptive_avg_pool2d(each, size) for each in (finer, rays))]
        x = functional.gelu(self.embed(self.norm(torch.cat(inputs, dim=1).float())))
        x = functional.gelu(self.mix(self.drop(x)))
        cells = self.sky(x)
        shares = cells.sigmoid()
        pooled = [reduced for plane in (x, shares) for reduced in (plane.mean(dim=(2, 3)), plane.amax(dim=(2, 3)))]
        logits: Tensor = self.head(self.drop(torch.cat(pooled, dim=1)))
        return logits[:, 0], cells[:, 0]

    def is_open(self, encoding: Encoding, rays: Tensor) -> Tensor:
        """Whether each of B images probably shows the sky (B,), from the encoding by the network of rooms."""
        probability: Tensor = self(encoding.coarsest, encoding.skips[-1], rays)[0].sigmoid()
        return probability > LEAST_PROBABILITY
