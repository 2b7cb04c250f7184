"""The dense network of the `compact` depth model: a convolutional encoder-decoder with attention at its coarsest level
and, in the decoder, within each column of pixels.

Inputs are RGB and, as two more channels, the viewing ray of each pixel. Given the ground plane's normal, the decoder
predicts log depth in units of the camera's height above that plane, and the probabilities of CLASSES. From the classes
follows a room layout: the level that the objects stand on, a lower floor where they stand on furniture, and vertical
walls around it (room_layout.py). The log depth of a pixel is the mean of the directly predicted one and the layout's,
with the weight that LayoutTrust predicts. Depth and sky are made at half the input's size, and upsampled as convex
combinations of neighbours (ConvexUpsampling), which keeps edges sharp. The decoder predicts no metres:
normal and height come from the cube proposals (cube_scale.py), fused with a ground-plane estimate of the encoder. The
encoder's heights are canonical, those of a camera of focal length CANONICAL_FOCAL_PX: metres = height * f /
CANONICAL_FOCAL_PX, with f [px] at the network's input size. An object that covers n pixels then has the same canonical
distance through every lens (Metric3D, Yin et al., ICCV 2023: "label transformation").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.compact.dense.convex_upsampling import ConvexUpsampling, upsample
from unity_depth_perception.models.compact.dense.room_layout import component_along, log_layout_depth
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates, decode_normal
from unity_depth_perception.models.compact.layers import ColumnAttention, attention_layer, conv_block, encoder_stages

CANONICAL_FOCAL_PX = 256.0
WIDTHS = (16, 32, 64, 128, 192)
MAX_FLOOR_DEPTH = 12.0
"""Depth of the floor at and above the horizon, in units of the camera's height."""
CLASSES = ("floor", "wall", "cube", "parallelepiped", "sky", "lower floor", "clutter")
"""Pixel classes that the decoder predicts beside depth.

"floor" is the level that the first objects stand on, "lower floor" that of the room, or the ground, where it is another
one; "clutter" is all furniture but its first level, and things of no category; "wall" is everything else.
"""
FLOOR, WALL, SKY, LOWER_FLOOR = (CLASSES.index(name) for name in ("floor", "wall", "sky", "lower floor"))
_MERGED = (96, 64, 32)
"""Channels of the decoder at 1/16, 1/8 and 1/4 of the resolution."""


class Encoding(NamedTuple):
    """Features of B images.

    Attributes:
        skips: features (B, C, h, w) of every level but the coarsest, finest first.
        coarsest: (B, C, h, w) features after attention over the whole image.
        floor: ground-plane estimate of each image; heights are canonical.
    """

    skips: tuple[Tensor, ...]
    coarsest: Tensor
    floor: GroundPlaneEstimates


class Decoding(NamedTuple):
    """Output of the decoder for B images, before the room layout.

    Attributes:
        features: (B, C, ceil(H / 4), ceil(W / 4)).
        direct: (B, ceil(H / 2), ceil(W / 2)) directly predicted log depth, in camera heights.
        logits: (B, 7, ceil(H / 2), ceil(W / 2)) of `CLASSES`.
        upsampling: (B, 36, ceil(H / 2), ceil(W / 2)) logits of the weights of `upsample`.
    """

    features: Tensor
    direct: Tensor
    logits: Tensor
    upsampling: Tensor


class DensePrediction(NamedTuple):
    """Prediction for the pixels of B images.

    Attributes:
        log_depth: (B, H, W) log depth, in camera heights.
        sky: (B, H, W) probability of the sky.
        logits: (B, 7, ceil(H / 2), ceil(W / 2)) of `CLASSES`.
    """

    log_depth: Tensor
    sky: Tensor
    logits: Tensor


class CompactDepthNetwork(nn.Module):
    """Log depth in units of the camera's height, from colours and viewing rays; any image size from 32 x 32 px."""

    def __init__(self, widths: Sequence[int] = WIDTHS, attention_layers: int = 3) -> None:
        super().__init__()
        w = list(widths)
        self.stem = conv_block(5, w[0], stride=2)
        self.stages = encoder_stages(w)
        self.embed_rays = nn.Linear(2, w[-1])
        self.attention = nn.TransformerEncoder(
            attention_layer(w[-1], heads=6),
            num_layers=attention_layers,
            norm=nn.LayerNorm(w[-1]),
            enable_nested_tensor=False,
        )
        self.floor = nn.Sequential(nn.Linear(w[-1], w[-1]), nn.GELU(), nn.Linear(w[-1], 5))
        inputs = [w[-1] + w[-2], *(_MERGED[i] + w[-3 - i] for i in range(len(_MERGED) - 1))]
        self.merge = nn.ModuleList(
            conv_block(channels + 1, merged) for channels, merged in zip(inputs, _MERGED, strict=True)
        )
        self.columns = nn.ModuleList(ColumnAttention(merged) for merged in _MERGED)
        outputs = (1 + len(CLASSES)) * 4  # each pixel at 1/4 predicts four at 1/2
        self.head = nn.Conv2d(_MERGED[-1], outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(torch.zeros(outputs))
        self.trust = LayoutTrust(_MERGED[-1])
        self.upsampling = ConvexUpsampling(_MERGED[-1] + w[0])
        self.log_scale: Tensor  # metres over those of virtual scenes: set by fine-tuning, added by CompactDepth
        self.register_buffer("log_scale", torch.zeros(()))

    def encode(self, image: Tensor, rays: Tensor) -> Encoding:
        """Features, which do not depend on gravity, and a ground-plane estimate of each image.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            rays: (B, 2, H, W) float, x / z and y / z of each pixel.
        """
        return self.with_floor(*self.encode_pixels(image, rays))

    def encode_pixels(self, image: Tensor, rays: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """`skips` and `coarsest` of the Encoding, and the raw output (B, 5) from which `with_floor` makes its floor."""
        x = self.stem(torch.cat([(image - 0.5) / 0.25, rays], dim=1))
        skips = [x]
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        tokens = self._attend(x, rays)
        coarsest = tokens.transpose(1, 2).reshape(skips.pop().shape)
        return tuple(skips), coarsest, self.floor(tokens.mean(dim=1))

    def with_floor(self, skips: tuple[Tensor, ...], coarsest: Tensor, raw: Tensor) -> Encoding:
        """Encoding with the ground-plane estimates of raw outputs (B, 5); arguments as returned by `encode_pixels`."""
        raw = raw.float()
        log_height, log_sigma = raw[:, 3] - 0.8, raw[:, 4].clamp(-4, 4)
        return Encoding(skips, coarsest, GroundPlaneEstimates(decode_normal(raw[:, :3]), log_height, log_sigma))

    def decode(self, encoding: Encoding, rays: Tensor, normal: Tensor) -> DensePrediction:
        """Depth, sky and classes of each pixel.

        Args:
            encoding: result of `encode` for these images.
            rays: (B, 2, H, W) as for `encode`.
            normal: (B, 3) unit normal of the ground plane in the optical frame, pointing down.
        """
        decoding = self.decode_pixels(encoding.skips, encoding.coarsest, rays, normal)
        return self.finish(decoding, rays, normal)

    def decode_pixels(self, skips: tuple[Tensor, ...], coarsest: Tensor, rays: Tensor, normal: Tensor) -> Decoding:
        """The part of `decode` before `finish`; the arguments are as there."""
        x = coarsest
        for merge, columns, skip in zip(self.merge, self.columns, skips[:0:-1], strict=True):
            x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            level_rays = functional.adaptive_avg_pool2d(rays, (skip.shape[2], skip.shape[3]))
            floor = log_floor_depth(normal, level_rays)[:, None].to(x.dtype)
            x = columns(merge(torch.cat([x, skip, floor], dim=1)), torch.cat([level_rays[:, 1:], floor], dim=1))
        height, width = skips[0].shape[2:]
        raw = functional.pixel_shuffle(self.head(x), 2)[:, :, :height, :width].float()
        half_rays = functional.adaptive_avg_pool2d(rays, (height, width))
        direct = log_floor_depth(normal, half_rays) + raw[:, 0]  # the network predicts the difference from the floor
        return Decoding(x, direct, raw[:, 1:], self.upsampling(x, skips[0]))

    def finish(self, decoding: Decoding, rays: Tensor, normal: Tensor) -> DensePrediction:
        """The part of `decode` after `decode_pixels`: room layout and upsampling; rays and normal are as there."""
        direct = decoding.direct
        half_rays = functional.adaptive_avg_pool2d(rays, (direct.shape[1], direct.shape[2]))
        probabilities = decoding.logits.detach().softmax(dim=1)
        floor, wall, lower = (probabilities[:, index] for index in (FLOOR, WALL, LOWER_FLOOR))
        layout = log_layout_depth(floor, wall, lower, direct, half_rays, normal)
        trust: Tensor = self.trust(decoding.features, probabilities, layout - direct)
        log_depth = direct + trust * (layout - direct)
        sky = decoding.logits.softmax(dim=1)[:, SKY]
        fine = upsample(torch.stack([log_depth, sky], dim=1), decoding.upsampling)
        log_depth, sky = fine[:, :, : rays.shape[2], : rays.shape[3]].unbind(dim=1)
        return DensePrediction(log_depth, sky, decoding.logits)

    def _attend(self, x: Tensor, rays: Tensor) -> Tensor:
        """Tokens (B, h w, C) of the coarsest level after attention between all of them."""
        coarse_rays = functional.adaptive_avg_pool2d(rays, (x.shape[2], x.shape[3]))
        coarse_rays = coarse_rays.flatten(2).transpose(1, 2)  # (B, h w, 2)
        with torch.autocast("cpu", enabled=False):  # see ColumnAttention
            mixed: Tensor = self.attention(x.flatten(2).transpose(1, 2).float() + self.embed_rays(coarse_rays))
        return mixed


class LayoutTrust(nn.Module):
    """Weight of the room layout against the directly predicted depth; untrained, high on floor and wall pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inputs = width + 4 * (len(CLASSES) + 1)  # four pixels at 1/2 of the resolution are one at 1/4
        last = nn.Conv2d(24, 4, 3, padding=1)
        self.layers = nn.Sequential(conv_block(inputs, 24), conv_block(24, 24), last)
        nn.init.zeros_(last.weight)
        self.of_class = nn.Parameter(torch.tensor([4.0, 2.0, -4.0, -4.0, 0.0, 2.0, -4.0]))

    def forward(self, x: Tensor, probabilities: Tensor, difference: Tensor) -> Tensor:
        """Weights (B, H, W) 0..1 of the room layout.

        Args:
            x: (B, C, ceil(H / 2), ceil(W / 2)) the decoder's features.
            probabilities: (B, 7, H, W) of `CLASSES`.
            difference: (B, H, W) log depth of the room layout minus the directly predicted one.
        """
        height, width = difference.shape[1:]
        inputs = torch.cat([probabilities, difference.clamp(-2, 2)[:, None]], dim=1)
        inputs = functional.pad(inputs, (0, width % 2, 0, height % 2), mode="replicate")
        inputs = functional.pixel_unshuffle(inputs, 2).contiguous(memory_format=torch.channels_last)
        raw = functional.pixel_shuffle(self.layers(torch.cat([x, inputs.to(x.dtype)], dim=1)), 2)
        prior = torch.einsum("c,bchw->bhw", self.of_class, probabilities)
        return (raw[:, 0, :height, :width].float() + prior).sigmoid()


def log_floor_depth(normal: Tensor, rays: Tensor) -> Tensor:
    """Log depth (B, H, W) of the floor on rays (B, 2, H, W), in units of the camera's height, given its normal (B, 3).

    A floor point at depth z on the ray r = (x, y, 1) satisfies normal . r z = height. Towards the horizon the depth
    tends smoothly to MAX_FLOOR_DEPTH: (height / z)^2 = (normal . r)^2 + 1 / MAX_FLOOR_DEPTH^2; a jump there would show
    in the prediction.
    """
    inverse = functional.relu(component_along(normal, rays))
    return -0.5 * (inverse.square() + MAX_FLOOR_DEPTH**-2).log()
