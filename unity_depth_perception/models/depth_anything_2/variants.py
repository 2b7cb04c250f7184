"""The published metric models of Depth Anything V2: names, sizes, weights, licences.

Sizes and maximum depths are those of github.com/DepthAnything/Depth-Anything-V2, metric_depth/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.models.checkpoints.hub import Published


@dataclass(frozen=True)
class Architecture:
    """Sizes of a DINOv2 encoder and its DPT head.

    Attributes:
        hidden_size: width of a token.
        layers: transformer blocks.
        heads: attention heads.
        taps: transformer blocks (counted from 1) whose tokens the head uses.
        neck: channels of these four levels.
        fusion: channels of the fused feature maps.
        positions_px: image side of the position embeddings, which are interpolated for other sizes.
    """

    hidden_size: int
    layers: int
    heads: int
    taps: tuple[int, int, int, int]
    neck: tuple[int, int, int, int]
    fusion: int
    positions_px: int = 518


@dataclass(frozen=True)
class Variant:
    """One published model.

    Attributes:
        architecture: sizes of its network.
        max_depth_m: depth of a network output of 1.
        trained_focal: focal length over the image's shorter side of the training camera; None if there were several.
        published: where its weights are.
    """

    architecture: Architecture
    max_depth_m: float
    trained_focal: float | None
    published: Published


_ARCHITECTURES = {
    "small": Architecture(384, 12, 6, (3, 6, 9, 12), (48, 96, 192, 384), 64),
    "base": Architecture(768, 12, 12, (3, 6, 9, 12), (96, 192, 384, 768), 128),
    "large": Architecture(1024, 24, 16, (5, 12, 18, 24), (256, 512, 1024, 1024), 256),
}
_PARAMETERS_M = {"small": 24.8, "base": 97.5, "large": 335.3}
_SCENES: dict[str, tuple[float, float | None]] = {
    "indoor": (20.0, 886.81 / 768),  # Hypersim: 1024 x 768 px, one camera
    "outdoor": (80.0, None),  # Virtual KITTI 2
}


def _variant(scene: str, size: str) -> Variant:
    hub_id = f"depth-anything/Depth-Anything-V2-Metric-{scene.capitalize()}-{size.capitalize()}-hf"
    licence = "Apache-2.0" if size == "small" else "CC-BY-NC-4.0"
    return Variant(_ARCHITECTURES[size], *_SCENES[scene], Published(hub_id, licence, _PARAMETERS_M[size]))


DA2_VARIANTS = {f"da2-metric-{scene}-{size}": _variant(scene, size) for scene in _SCENES for size in _ARCHITECTURES}
