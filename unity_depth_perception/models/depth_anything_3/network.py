"""The networks of Depth Anything 3: the modules of the package depth_anything_3 without its front end.

Parts of the front end that are left out: decoding on worker threads, the ray head for single views (half of the head's
work), replacing sky depth by the 99th percentile of the rest, and everything that synchronises with the GPU.
Reference: Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views", 2025.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.runtime.acceleration import arithmetic, cast_matrices
from unity_depth_perception.models.runtime.head_precision import keep_float32

PATCH_PX = 14
_POSITIONS = 1024  # patches per side that the rotary tables hold: more than 14000 px
GAUSSIAN_PARTS = ("gs_head", "gs_adapter")


class RawDepth(NamedTuple):
    """Raw output of a network for one view, before conversion to metres.

    Attributes:
        depth: (H, W) float32 planar depth > 0, also under the sky.
        confidence: (H, W) float32 >= 1, higher is more confident.
        sky: (H, W) float32 >= 0; sky from SKY_THRESHOLD (0.3) up.
        intrinsics: (3, 3) float32 [px], principal point counted from the image's corner.
    """

    depth: Tensor
    confidence: Tensor | None = None
    sky: Tensor | None = None
    intrinsics: Tensor | None = None


class DepthAnything3Network(nn.Module):
    """Wrapper of a DepthAnything3Net: `forward` for one view without its rays, `views` for several views."""

    net: Any

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.head_precision = torch.float32
        self._backbone_precision = torch.float32
        for last in ("output_conv2", "sky_output_conv2"):
            if hasattr(net.head.scratch, last):
                keep_float32(getattr(net.head.scratch, last))
        net.head.to(memory_format=torch.channels_last)  # halves the head's time on a CPU
        if self.has_gaussians:  # in the network's own unit and poses; placed in the caller's world afterwards
            net.gs_adapter.register_forward_pre_hook(_without_given_poses, with_kwargs=True)
        _make_static(net)

    @property
    def has_gaussians(self) -> bool:
        """Whether the network has the head that predicts Gaussians."""
        return getattr(self.net, "gs_adapter", None) is not None

    def set_precision(self, dtype: torch.dtype) -> None:
        """Set the precision of the backbone; that of the head is `head_precision`, see runtime/head_precision.py.

        Matrices are stored in `dtype`; normalisation layers and the residual stream stay float32, as under autocast.
        """
        self._backbone_precision = dtype
        cast_matrices(self.net.backbone, dtype)

    def forward(self, image: Tensor) -> RawDepth:
        """Raw depth of one normalised image (1, 3, H, W) float32, H and W multiples of PATCH_PX."""
        height, width = image.shape[2:]
        if not hasattr(self.net.head, "head_aux"):
            depth, sky = self.of_batch(image)
            return RawDepth(depth[0], sky=sky[0])
        features = self._features(image)
        with arithmetic(self.head_precision, image.device):
            depth, confidence = _dual_head_depth(self.net.head, [tokens[:, 0] for tokens, _ in features], height, width)
        return RawDepth(depth.float(), confidence.float(), intrinsics=self._intrinsics(features[-1][1], height, width))

    def depth_of(self, image: Tensor) -> Tensor:
        """(H, W) float32, as `forward`; see DepthNetwork."""
        raw: RawDepth = self(image)
        return raw.depth

    def of_batch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Depth and sky (B, H, W) of B single views, normalised images (B, 3, H, W); metric and mono networks only."""
        features = self._features(images)
        with arithmetic(self.head_precision, images.device):
            out = self.net.head(features, *images.shape[2:], patch_start_idx=0)
        return out["depth"].float().flatten(0, 1), out["sky"].float().flatten(0, 1)

    def _features(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Tokens (B, 1, P, C) and camera token of each level that the head uses."""
        with arithmetic(self._backbone_precision, images.device):
            features, _ = self.net.backbone(images[:, None], cam_token=None, export_feat_layers=[])
        return [(tokens.float(), camera.float()) for tokens, camera in features]

    def views(self, images: Tensor, infer_gs: bool = False, **conditions: Any) -> Any:
        """Output dictionary of DepthAnything3Net.forward for N views, normalised images (1, N, 3, H, W).

        The head disables autocast and computes in float32.
        """
        with arithmetic(self._backbone_precision, images.device):
            return self.net(images, export_feat_layers=[], infer_gs=infer_gs, **conditions)

    def _intrinsics(self, camera_token: Tensor, height: int, width: int) -> Tensor:
        """Intrinsics (3, 3) from the fields of view that the camera decoder predicts from its token (1, 1, C)."""
        slope = torch.tan(self.net.cam_dec(camera_token)[0, 0, 7:9] / 2).clamp(min=1e-6)  # vertical, horizontal
        cx, cy, zero, one = (torch.full((), value, device=slope.device) for value in (width / 2, height / 2, 0.0, 1.0))
        return torch.stack([cx / slope[1], zero, cx, zero, cy / slope[0], cy, zero, zero, one]).view(3, 3)


def build_network(architecture: str, with_gaussians: bool = False) -> nn.Module:
    """Network of an architecture of the package depth_anything_3, with random weights.

    Args:
        with_gaussians: whether to build the Gaussian head, where the architecture has one.

    Raises:
        ModelError: the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the package itself causes in omegaconf and torch
            from depth_anything_3.cfg import create_object, load_config
            from depth_anything_3.registry import MODEL_REGISTRY
            from depth_anything_3.utils.logger import LOG_LEVELS, logger
    except ImportError as error:
        raise ModelError(
            f"{architecture} needs the package depth-anything-3, which cannot be imported ({error}); "
            "install it: make setup, or pip install unity-depth-perception[da3]"
        ) from None
    logger.level = LOG_LEVELS["WARN"]  # else it prints several lines for every frame
    config = load_config(MODEL_REGISTRY[architecture])
    for part in (config, config.get("anyview", {})):
        for name in GAUSSIAN_PARTS if not with_gaussians else ():
            part.pop(name, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: nn.Module = create_object(config)
    return network.eval().requires_grad_(False)


def drop_gaussian_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the tensors of the Gaussian head, which `build_network` leaves out, from a checkpoint."""
    return {name: value for name, value in state.items() if not any(f".{part}." in name for part in GAUSSIAN_PARTS)}


def _without_given_poses(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, kwargs | {"gt_extrinsics": None}


def _dual_head_depth(head: Any, tokens: list[Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Depth and confidence (H, W) of a DualDPT head without its ray half, from tokens (1, P, C) of four levels."""
    levels = []
    for k, level in enumerate(tokens):
        grid = head.norm(level).permute(0, 2, 1).reshape(1, -1, height // PATCH_PX, width // PATCH_PX)
        grid = grid.contiguous(memory_format=torch.channels_last)
        grid = _with_positions(head.projects[k](grid), height, width)
        levels.append(getattr(head.scratch, f"layer{k + 1}_rn")(head.resize_layers[k](grid)))
    fused = head.scratch.refinenet4(levels[3], size=levels[2].shape[2:])
    fused = head.scratch.refinenet3(fused, levels[2], size=levels[1].shape[2:])
    fused = head.scratch.refinenet2(fused, levels[1], size=levels[0].shape[2:])
    fused = head.scratch.output_conv1(head.scratch.refinenet1(fused, levels[0]))
    full = functional.interpolate(fused, (height, width), mode="bilinear", align_corners=True)
    logits = head.scratch.output_conv2(_with_positions(full, height, width))[0]
    return logits[0].exp(), logits[1].exp() + 1


def _with_positions(features: Tensor, height: int, width: int) -> Tensor:
    return features + _positions(*features.shape[1:], width / height, features.device)


@functools.lru_cache(maxsize=16)
def _positions(channels: int, rows: int, columns: int, aspect: float, device: torch.device) -> Tensor:
    """Position embedding (1, channels, rows, columns) as added by DualDPT; cached, as it depends on the size alone."""
    from depth_anything_3.model.utils.head_utils import create_uv_grid, position_grid_to_embed

    grid = create_uv_grid(columns, rows, aspect_ratio=aspect, dtype=torch.float32, device=device)
    embedding: Tensor = 0.1 * position_grid_to_embed(grid, channels).permute(2, 0, 1)[None]
    return embedding.contiguous(memory_format=torch.channels_last)


def _make_static(net: Any) -> None:
    """Cache a backbone's rotary tables and positions, which else synchronise with the GPU in every frame."""
    from depth_anything_3.model.dinov2.layers.rope import RotaryPositionEmbedding2D

    class Rotary(RotaryPositionEmbedding2D):  # type: ignore[misc]
        """The reference's module with a table of fixed length; the reference derives it from positions on the GPU."""

        def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
            cos, sin = self._compute_frequency_components(
                tokens.shape[-1] // 2, _POSITIONS, tokens.device, torch.float32
            )
            halves = tokens.float().chunk(2, dim=-1)
            turned = [self._apply_1d_rope(half, positions[..., k], cos, sin) for k, half in enumerate(halves)]
            return torch.cat(turned, dim=-1).to(tokens.dtype)

    transformer = net.backbone.pretrained
    if transformer.rope is None:
        return
    transformer.rope = Rotary(frequency=transformer.rope.base_frequency)
    for block in transformer.blocks:
        if block.attn.rope is not None:
            block.attn.rope = transformer.rope
    transformer._prepare_rope = functools.lru_cache(maxsize=8)(transformer._prepare_rope)
