"""Depth Anything 3's back ends with networks that return a known function, and its networks made small."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.depth_anything_3.estimator import MetricDepth, NestedDepth
from unity_depth_perception.models.depth_anything_3.network import RawDepth
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
SMALL = DepthOptions(size_px=126, precision="float32")
CAMERA = Camera.from_vertical_fov(math.radians(60), 160, 120)


@dataclass
class Known:
    """A network whose depth is 1..3 with the image's brightness, with sky in the topmost part of the image."""

    sky_part: float = 0.25
    focal_px: float | None = None
    unit: float = 1.0

    def __call__(self, image: Tensor) -> RawDepth:
        height, width = image.shape[2:]
        depth = self.unit * (2 + image[0].mean(dim=0).clamp(-2, 2) / 2)
        rows = torch.arange(height, device=image.device)[:, None].expand(height, width)
        intrinsics = None
        if self.focal_px is not None:
            intrinsics = torch.tensor(
                [[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]], device=image.device
            )
        sky = torch.where(rows < self.sky_part * height, 1.0, 0.0)
        return RawDepth(depth, torch.ones_like(depth), sky, intrinsics)

    def views(self, images: Tensor, **conditions: Any) -> Any:
        """As the reference: each view a step of 2 units to the right of the one before."""
        raw = [self(image[None]) for image in images[0]]
        extrinsics = torch.eye(4).repeat(len(raw), 1, 1)
        extrinsics[:, 0, 3] = -2 * self.unit * torch.arange(len(raw))
        return {
            "depth": torch.stack([view.depth for view in raw])[None],
            "depth_conf": torch.stack([view.depth for view in raw])[None],
            "extrinsics": extrinsics[None],
            "intrinsics": torch.stack([view.intrinsics for view in raw if view.intrinsics is not None])[None],
        }


def smooth(width: int = 160, height: int = 120) -> Tensor:
    """A picture without edges."""
    y, x = np.mgrid[:height, :width] / width
    planes = [127 + 100 * np.sin(3 * x + phase) * np.cos(2 * y) for phase in (0, 1, 2)]
    return torch.from_numpy(np.stack(planes, axis=-1).astype(np.uint8))


def metric(network: Any = None, options: DepthOptions = SMALL) -> MetricDepth:
    return MetricDepth("metric", CPU, network or Known(), options)


def nested(focal_px: float = 100.0, sky_part: float = 0.25, unit: float = 1.0) -> NestedDepth:
    return NestedDepth("nested", CPU, Known(0.0, focal_px, unit), Known(sky_part), SMALL)


def reduced(architecture: str) -> dict[str, Any]:
    """The configuration of a large network with the small one's width and depth; everything else as it is."""
    from depth_anything_3.cfg import load_config
    from depth_anything_3.registry import MODEL_REGISTRY

    config: dict[str, Any] = OmegaConf.to_container(load_config(MODEL_REGISTRY[architecture]), resolve=True)
    if "anyview" in config:
        return config | {"anyview": reduced("da3-small"), "metric": reduced("da3metric-large")}
    depth_only = config["head"]["output_dim"] == 1
    config["net"] |= {"name": "vits", "out_layers": [2, 5, 8, 11] if depth_only else [5, 7, 9, 11]}
    config["head"] |= {"dim_in": 384 if depth_only else 768, "features": 64, "out_channels": [48, 96, 192, 384]}
    return config


def reduced_giant() -> Any:
    """The configuration of the giant with the width and depth of the small network."""
    from depth_anything_3.cfg import load_config
    from depth_anything_3.registry import MODEL_REGISTRY

    giant: Any = OmegaConf.to_container(load_config(MODEL_REGISTRY["da3-giant"]), resolve=True)
    small = reduced("da3-small")
    head = {key: small["head"][key] for key in ("dim_in", "features", "out_channels")}
    return OmegaConf.create(small | {"gs_head": giant["gs_head"] | head, "gs_adapter": giant["gs_adapter"]})


def spread(network: nn.Module) -> nn.Module:
    """Random weights that let position, colour and each output matter: as built, the depth is nearly constant."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value += 0.02 * torch.randn(value.shape, generator=generator)
            if name.endswith(("output_conv2.2.weight", "sky_output_conv2.2.weight")):
                value *= 8
            if name.endswith("fc_fov.0.bias"):
                value += 1  # [rad]: a camera, not a telescope
    return network.eval().requires_grad_(False)
