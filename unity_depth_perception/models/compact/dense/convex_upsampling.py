"""Upsampling by convex combinations: each fine value is a weighted mean of the 3 x 3 coarse values around it.

The weights are predicted from features at the coarse size and below, so that an edge of the image becomes an edge of
the result instead of a ramp. Teed & Deng, "RAFT", ECCV 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.compact.layers import conv_block

_WIDTH = 16


class ConvexUpsampling(nn.Module):
    """Predicts weights from features at 1/4 and at 1/2 of the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Conv2d(_WIDTH, 36, 1)
        self.layers = nn.Sequential(conv_block(width, _WIDTH), last)
        nn.init.zeros_(last.weight)
        last.bias = nn.Parameter(_bilinear_weights().log())

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Logits (B, 36, H, W) of the weights of `upsample`.

        Args:
            coarse: (B, C, ceil(H / 2), ceil(W / 2)) features.
            fine: (B, D, H, W) features.
        """
        coarse = functional.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.layers(torch.cat([coarse, fine.to(coarse.dtype)], dim=1))
        return logits.float()


def upsample(values: Tensor, logits: Tensor) -> Tensor:
    """Values (B, C, 2 H, 2 W) from values (B, C, H, W) and logits (B, 36, H, W) of the weights of 9 x 4 neighbours."""
    batch, channels, height, width = values.shape
    weights = logits.view(batch, 1, 9, 4, height, width).softmax(dim=2)
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    neighbours = torch.stack(
        [padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)], dim=2
    )  # (B, C, 9, H, W)
    fine = (weights * neighbours[:, :, :, None]).sum(dim=2)  # (B, C, 4, H, W)
    return functional.pixel_shuffle(fine.reshape(batch, channels * 4, height, width), 2)


def _bilinear_weights() -> Tensor:
    """Weights (36,) of 9 neighbours for each of 4 fine places, as of bilinear upsampling; at least 0.001."""
    near = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])  # of the previous, this and the next coarse value
    weights = near[:, None, :, None] * near[None, :, None, :]  # (fine y, fine x, coarse y, coarse x)
    return weights.permute(2, 3, 0, 1).reshape(36).clamp(min=1e-3)
