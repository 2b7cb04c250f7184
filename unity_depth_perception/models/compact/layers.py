"""Building blocks of the embedded networks: convolution, residual and attention layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

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
