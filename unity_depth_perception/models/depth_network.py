"""The network of the `compact` depth back end: a convolutional encoder-decoder with attention at its coarsest level.

It sees colour and, as two more channels, each pixel's viewing ray, and predicts depth for a canonical focal length:
metres = prediction * f / CANONICAL_FOCAL_PX, f being the focal length at the network's resolution. An object of n
pixels then has one canonical depth, whatever the lens (Metric3D, Yin et al., ICCV 2023: "label transformation").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.blocks import conv_block, encoder_stages

CANONICAL_FOCAL_PX = 256.0
WIDTHS = (16, 32, 64, 128, 192)
_LOG_MEAN = -0.3  # log of a typical canonical depth [m]: where an untrained network starts


class CompactDepthNetwork(nn.Module):
    """Log canonical depth from colour and rays; any image size from 32 x 32 px."""

    def __init__(self, widths: Sequence[int] = WIDTHS, attention_layers: int = 3) -> None:
        super().__init__()
        w = list(widths)
        self.stem = conv_block(5, w[0], stride=2)
        self.stages = encoder_stages(w)
        self.embed_rays = nn.Linear(2, w[-1])
        self.attention = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                w[-1],
                nhead=6,
                dim_feedforward=2 * w[-1],
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            ),
            num_layers=attention_layers,
            enable_nested_tensor=False,
        )
        merged = [w[-1], 96, 64, 32, 16]
        self.merge = nn.ModuleList(conv_block(merged[i] + w[-2 - i], merged[i + 1]) for i in range(len(w) - 1))
        self.head = nn.Conv2d(merged[-1], 1, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(torch.tensor([_LOG_MEAN]))

    def forward(self, image: Tensor, rays: Tensor) -> Tensor:
        """Log canonical depth (B, ceil(H / 2), ceil(W / 2)).

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            rays: (B, 2, H, W) float, x / z and y / z of each pixel.
        """
        x = self.stem(torch.cat([(image - 0.5) / 0.25, rays], dim=1))
        skips = [x]
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        x = self._attend(skips.pop(), rays)
        for merge, skip in zip(self.merge, reversed(skips), strict=True):
            x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = merge(torch.cat([x, skip], dim=1))
        log_canonical: Tensor = self.head(x)
        return log_canonical.squeeze(1)

    def _attend(self, x: Tensor, rays: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        where = functional.adaptive_avg_pool2d(rays, (height, width)).flatten(2).transpose(1, 2)  # (B, HW, 2)
        tokens = x.flatten(2).transpose(1, 2) + self.embed_rays(where)
        mixed: Tensor = self.attention(tokens)
        return mixed.transpose(1, 2).reshape(batch, channels, height, width)
