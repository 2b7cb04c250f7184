"""Building blocks of the embedded networks: convolution, residual and attention layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def encoder_stages(widths: Sequence[int]) -> nn.ModuleList:
    """Encoder stages that each halve the resolution: one residual block in the first stage, two in the others."""
    return nn.ModuleList(
        nn.Sequential(
            conv_block(inputs, outputs, stride=2), *(ResidualBlock(outputs) for _ in range(1 if index == 0 else 2))
        )
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths))
    )


def attention_layer(width: int, heads: int) -> nn.TransformerEncoderLayer:
    """Transformer layer on tokens (B, N, width): self-attention and two linear layers, with pre-normalisation."""
    return nn.TransformerEncoderLayer(
        width, heads, dim_feedforward=2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a skip connection (He et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv_block(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class ColumnAttention(nn.Module):
    """Attention within each column of pixels: the foot of a wall gives the distance of all of the wall above it.

    Axial attention (Wang et al., "Axial-DeepLab", ECCV 2020) along the image axis nearest to gravity. Initialised to
    the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(2, width)
        self.layer = attention_layer(width, heads=width // 16)
        for parameter in (*self.embed.parameters(), self.layer.self_attn.out_proj.weight, self.layer.linear2.weight):
            nn.init.zeros_(parameter)
        nn.init.zeros_(self.layer.linear2.bias)

    def forward(self, x: Tensor, hints: Tensor) -> Tensor:
        """Features (B, C, H, W) from features (B, C, H, W) and hints (B, 2, H, W): ray y / z and log floor depth."""
        batch, channels, height, width = x.shape
        with torch.autocast("cpu", enabled=False):  # in bfloat16 attention trains six times as slowly there
            tokens = x.permute(0, 3, 2, 1).float() + self.embed(hints.permute(0, 3, 2, 1))  # (B, W, H, C)
            mixed: Tensor = self.layer(tokens.reshape(batch * width, height, channels))
        mixed = mixed.view(batch, width, height, channels).permute(0, 3, 2, 1)
        return mixed.to(x.dtype).contiguous(memory_format=torch.channels_last)
