"""Whether a network's head may compute in 16 bits: decided by what that does to depth, with the weights at hand.

The authors run the heads in float32. Here a head runs in float16 on a GPU, but for the convolutions after its last
upsampling, if on a test picture 99 of 100 pixels stay within 0.5 % of float32's depth and none is lost to overflow;
else it stays in float32, with a line in the log.

Measured at 504 px with operands and results rounded to 16 bits and sums in float32, as GPUs compute: with a reduced
DA3METRIC that had learnt the depth of virtual scenes, 99 of 100 pixels stay within 0.01 % in float16 and 0.09 % in
bfloat16. Random weights are a bad case, for their last layer has to be stretched 17 to 190 times until depth goes from
0.3 to 10 m: da3-small 0.26 to 0.88 % and 2.7 to 6.7 % (median 0.07 to 0.20 % and 0.8 to 1.8 %), the reduced DA3METRIC
0.46 % and 3.3 %. So bfloat16 is no candidate.
"""

from __future__ import annotations

import logging
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

TOLERANCE = 0.005
"""Of depth: how far off 99 of 100 pixels may be."""
_PICTURE_PX = 252
_PART = 0.99
_LOG = logging.getLogger(__name__)


class Float32Conv2d(nn.Conv2d):
    """A convolution that stays in float32 where all around it is 16 bits: the last ones, which make the depth."""

    def forward(self, features: Tensor) -> Tensor:
        """As nn.Conv2d, float32."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


def keep_float32(layers: nn.Module) -> None:
    """Let the convolutions of `layers` be of float32 whatever the region that they are called in."""
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            module.__class__ = Float32Conv2d


class DepthNetwork(Protocol):
    """A depth network whose head can be told its arithmetic."""

    head_precision: torch.dtype

    def depth_of(self, image: Tensor) -> Tensor:
        """(h, w) float32 of a normalised image (1, 3, h, w)."""
        ...


def head_precision(backbone: torch.dtype, device: torch.device) -> torch.dtype:
    """The candidate for the head beside a backbone's arithmetic: float16 on a GPU, unless float32 was asked for."""
    return torch.float16 if device.type == "cuda" and backbone != torch.float32 else torch.float32


@torch.inference_mode()
def choose_head_precision(network: DepthNetwork, wanted: torch.dtype, device: torch.device) -> None:
    """Let the head of `network` compute in `wanted` if it keeps depth, else in float32.

    Args:
        network: on `device`, its weights loaded.
        wanted: torch.float32 asks for nothing.
        device: of the network.
    """
    network.head_precision = torch.float32
    if wanted == torch.float32:
        return
    picture = random_image(device)
    exact = network.depth_of(picture)
    network.head_precision = wanted
    off = relative_change_p99(network.depth_of(picture), exact)
    if not off <= TOLERANCE:  # also where it is NaN
        network.head_precision = torch.float32
        _LOG.warning("the head in %s changes depth by %.2g %%: running it in float32", wanted, 100 * off)


def relative_change_p99(depth: Tensor, exact: Tensor) -> float:
    """How far off 99 of 100 pixels are at most, as a part of depth; NaN if any is lost. Waits for the device."""
    off = (depth / exact - 1).abs().flatten()
    return float(torch.where(off.isfinite().all(), off.quantile(_PART), torch.nan))


def random_image(device: torch.device) -> Tensor:
    """(1, 3, h, w) float32 of colours as an image normalised over ImageNet has them: large areas, small ones, edges."""
    random = torch.Generator().manual_seed(0)
    levels = [torch.rand(1, 3, side, side, generator=random) for side in (3, 12, 48)]
    size = (_PICTURE_PX, _PICTURE_PX)
    smooth, middle, fine = (functional.interpolate(level, size, mode="bicubic") for level in levels)
    edges = torch.where(middle > 0.5, smooth, 1 - smooth)
    return ((0.7 * edges + 0.3 * fine - 0.5) / 0.225).to(device)
