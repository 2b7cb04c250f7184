"""The network of Depth Anything V2 from transformers, called directly: without its image processor and pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.depth_anything_2.variants import Architecture
from unity_depth_perception.models.runtime.acceleration import arithmetic, cast_matrices
from unity_depth_perception.models.runtime.head_precision import keep_float32

PATCH_PX = 14


class DepthAnythingV2Network(nn.Module):
    """DINOv2 encoder and DPT head; the output is depth as a fraction (0, 1) of the model's maximum depth."""

    net: Any  # DepthAnythingForDepthEstimation

    def __init__(self, architecture: Architecture) -> None:
        """Create the network with random weights.

        Raises:
            ModelError: transformers is not installed.
        """
        super().__init__()
        self.net = _of_transformers(architecture)
        for last in (self.net.head.conv2, self.net.head.conv3):
            keep_float32(last)
        self.head_precision = torch.float32
        self._backbone_precision = torch.float32

    def set_precision(self, dtype: torch.dtype) -> None:
        """Set the precision of the encoder; that of the head is `head_precision`, see runtime/head_precision.py.

        Matrices are stored in `dtype`; normalisation layers and the residual stream stay float32, as under autocast.
        """
        self._backbone_precision = dtype
        cast_matrices(self.net.backbone, dtype)

    def depth_of(self, image: Tensor) -> Tensor:
        """As `forward`; see DepthNetwork."""
        depth: Tensor = self(image)
        return depth

    def forward(self, image: Tensor) -> Tensor:
        """Depth fraction (H, W) float32 of a normalised image (1, 3, H, W), H and W multiples of PATCH_PX."""
        return self.of_batch(image)[0]

    def of_batch(self, images: Tensor) -> Tensor:
        """Depth fractions (B, H, W) float32 of normalised images (B, 3, H, W), H and W multiples of PATCH_PX."""
        rows, columns = images.shape[2] // PATCH_PX, images.shape[3] // PATCH_PX
        with arithmetic(self._backbone_precision, images.device):
            tokens = self.net.backbone(images).feature_maps
        with arithmetic(self.head_precision, images.device):
            levels = self.net.neck([level.float() for level in tokens], rows, columns)
            depth: Tensor = self.net.head(levels, rows, columns)
        return depth.float()


def _of_transformers(architecture: Architecture) -> nn.Module:
    try:
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
    except ImportError as error:
        raise ModelError(f"Depth Anything V2 needs transformers ({error}): pip install transformers") from None
    encoder = Dinov2Config(
        image_size=architecture.positions_px,
        patch_size=PATCH_PX,
        hidden_size=architecture.hidden_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        out_indices=list(architecture.taps),
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=encoder,
        patch_size=PATCH_PX,
        reassemble_hidden_size=architecture.hidden_size,
        neck_hidden_sizes=list(architecture.neck),
        fusion_hidden_size=architecture.fusion,
        depth_estimation_type="metric",
        max_depth=1,
    )
    network: nn.Module = DepthAnythingForDepthEstimation(config)
    return network.eval()
