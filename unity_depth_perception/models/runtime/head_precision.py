"""Precision of a network's head: float16 if that keeps depth, as measured with the loaded weights, else float32.

The authors run the heads in float32. Here a head runs in float16 on a GPU, except the convolutions after its last
upsampling, if on a test image 99 % of the pixels stay within 0.5 % of the depth in float32 and none overflows. Else it
stays in float32, with a warning in the log.

Why not bfloat16: 99th percentile of the relative change of depth at 504 px, in float16 and in bfloat16, with operands
and results rounded to 16 bits and sums in float32, as GPUs compute. Trained on virtual scenes, a reduced DA3METRIC:
0.01 and 0.09 %. Random weights, the worst case since the last layer has to be scaled 17 to 190 times to give 0.3 to
10 m: da3-small up to 0.88 and 6.7 %, reduced DA3METRIC 0.46 and 3.3 %.
"""

from __future__ import annotations

import logging
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

TOLERANCE = 0.005
"""Largest relative change of depth that 99 % of the pixels may have."""
_IMAGE_PX = 252
_QUANTILE = 0.99
_LOG = logging.getLogger(__name__)


class Float32Conv2d(nn.Conv2d):
    """Convolution that runs in float32 inside a 16-bit autocast region: for the last layers, whose output is depth."""

    def forward(self, features: Tensor) -> Tensor:
        """As nn.Conv2d, float32."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


def keep_float32(layers: nn.Module) -> None:
    """Make the convolutions of `layers` run in float32, whatever autocast region they are called in."""
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            module.__class__ = Float32Conv2d


class DepthNetwork(Protocol):
    """A depth network with a settable precision of its head."""

    head_precision: torch.dtype

    def depth_of(self, image: Tensor) -> Tensor:
        """Depth (h, w) float32 of one image (1, 3, h, w), normalised as by `normalize_imagenet`."""
        ...


def head_precision(backbone: torch.dtype, device: torch.device) -> torch.dtype:
    """Precision to try for the head, given the backbone's: float16 on a GPU, unless the backbone runs in float32."""
    return torch.float16 if device.type == "cuda" and backbone != torch.float32 else torch.float32


@torch.inference_mode()
def choose_head_precision(network: DepthNetwork, wanted: torch.dtype, device: torch.device) -> None:
    """Set the head's precision to `wanted` if that keeps depth within TOLERANCE of float32, else to float32.

    The network must be on `device`, with its weights loaded.
    """
    network.head_precision = torch.float32
    if wanted == torch.float32:
        return
    image = random_image(device)
    exact = network.depth_of(image)
    network.head_precision = wanted
    change = relative_change_p99(network.depth_of(image), exact)
    if not change <= TOLERANCE:  # NaN included
        network.head_precision = torch.float32
        _LOG.warning("the head in %s changes depth by %.2g %%: running it in float32", wanted, 100 * change)


def relative_change_p99(depth: Tensor, exact: Tensor) -> float:
    """99th percentile of |depth / exact - 1|; NaN if any pixel is not finite. Waits for the device."""
    change = (depth / exact - 1).abs().flatten()
    return float(torch.where(change.isfinite().all(), change.quantile(_QUANTILE), torch.nan))


def random_image(device: torch.device) -> Tensor:
    """Test image (1, 3, h, w) float32 with ImageNet-normalised colours: large areas, fine texture, edges; seeded."""
    random = torch.Generator().manual_seed(0)
    levels = [torch.rand(1, 3, side, side, generator=random) for side in (3, 12, 48)]
    size = (_IMAGE_PX, _IMAGE_PX)
    smooth, middle, fine = (functional.interpolate(level, size, mode="bicubic") for level in levels)
    edges = torch.where(middle > 0.5, smooth, 1 - smooth)
    return ((0.7 * edges + 0.3 * fine - 0.5) / 0.225).to(device)
