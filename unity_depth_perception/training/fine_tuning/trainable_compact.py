"""The compact depth back end, ready to learn from any dataset: no floor and no category need be known.

The floor that the decoder is given is what the cube_scale reads from the objects, as at use. Its unit stays that of the
scenes that the network grew up with; its last step alone turns it into metres, so that another size of the prefab is
one number there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align
from torchvision.transforms.v2 import functional as transforms

from unity_depth_perception.models.compact.depth import DEPTH_AREA_PX, CompactDepth
from unity_depth_perception.models.compact.depth_network import CANONICAL_FOCAL_PX
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates
from unity_depth_perception.models.compact.object_crops import MASK_PX, Crops, crop_objects
from unity_depth_perception.models.fine_tuned import COMPACT_KIND
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.training.data.batches import Batch, ray_channels
from unity_depth_perception.training.data.detection_targets import jitter_boxes, target
from unity_depth_perception.training.fine_tuning.silog import silog


class TrainableCompact:
    """See `Trainable`. Its backbone is the dense encoder and the cube_scale; batch statistics stay as they are."""

    area_px = 384 * 384
    least_crop = 0.7
    learning_rate = 1e-4

    def __init__(self, estimator: CompactDepth) -> None:
        self._dense, self._yardstick = estimator.network, estimator.cube_scale

    def parts(self, backbone: bool) -> nn.Module:
        """The decoder and its head, or both networks."""
        dense = self._dense
        whole = nn.ModuleDict({"dense": dense, "cube_scale": self._yardstick}).requires_grad_(False)
        decoder = nn.ModuleDict(
            {"merge": dense.merge, "columns": dense.columns, "head": dense.head, "trust": dense.trust}
        )
        return (whole if backbone else decoder).requires_grad_(True)

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """SILog."""
        return {"silog": silog(self.log_depth(batch, rng), batch.depth_m)}

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """(B, H, W) log metres, upsampled from half of the network's size."""
        height, width = batch.image.shape[2:]
        w, h = processing_size(width, height, DEPTH_AREA_PX)
        image = transforms.resize(batch.image, [h, w], antialias=True)
        scale = batch.intrinsics.new_tensor([w / width, h / height]).repeat(2)
        half = scale.new_tensor([0.0, 0.0, 0.5, 0.5])
        intrinsics = (batch.intrinsics + half) * scale - half
        rays = ray_channels(intrinsics, h, w)
        log_unit = (intrinsics[:, :2].mean(dim=1) / CANONICAL_FOCAL_PX).log()
        encoding = self._dense.encode(image, rays)
        normal, log_height = self._floor(batch, encoding.floor.scaled(log_unit), rng)
        log_ratio, _ = self._dense.decode(encoding, rays, normal)
        full = functional.interpolate(log_ratio[:, None], (height, width), mode="bilinear", align_corners=False)
        return full[:, 0] + log_height[:, None, None]

    def multiply(self, factor: float) -> None:
        """The network adds `log_scale` to its log depth; its state holds it."""
        self._dense.log_scale += math.log(factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Both networks, as they are shipped."""
        whole = nn.ModuleDict({"dense": self._dense, "cube_scale": self._yardstick})
        return whole.state_dict(), {"kind": COMPACT_KIND}

    def _floor(self, batch: Batch, guess: GroundPlaneEstimates, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Normal (B, 3) and log height (B,): what the objects in each image say, and the encoder's guess."""
        crops = _true_objects(batch, rng)
        intrinsics = batch.intrinsics[crops.image_of]
        said = self._yardstick(crops, intrinsics, torch.zeros_like(intrinsics[:, :3])).floor
        images = torch.arange(len(batch.image), device=batch.image.device)
        fused = [
            GroundPlaneEstimates.concatenate(
                [guess.select(images == index), said.select(crops.image_of == index)]
            ).fuse()
            for index in images
        ]
        normals, log_heights = zip(*fused, strict=True)
        return torch.stack(normals), torch.stack(log_heights)


def _true_objects(batch: Batch, rng: np.random.Generator) -> Crops:
    """The objects of a batch, their boxes a little wrong."""
    boxes, masks = [], []
    for index in range(len(batch.image)):
        found = target(batch, index)
        wrong = jitter_boxes(found["boxes"], rng)
        numbered = torch.cat([torch.arange(len(wrong), device=wrong.device)[:, None], wrong], dim=1)
        masks.append(roi_align(found["masks"][:, None].float(), numbered, (MASK_PX, MASK_PX), sampling_ratio=2)[:, 0])
        boxes.append(torch.cat([wrong.new_full((len(wrong), 1), index), wrong], dim=1))
    return crop_objects(batch.image, torch.cat(boxes), torch.cat(masks))
