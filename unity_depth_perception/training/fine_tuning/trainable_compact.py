"""Trainable compact depth back end; needs true depth and instances of a dataset, but neither pose nor categories.

As at inference, the decoder gets the normal that the cube scale estimates from the objects, which vote on the scale.
An image that shows the sky trains the network of open scenes, another one that of rooms. The networks keep the unit of
length of their first training; for cubes of another size, one factor is changed at the end.
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

from unity_depth_perception.models.compact.dense.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.compact.depth import DEPTH_AREA_PX, CompactDepth
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates
from unity_depth_perception.models.compact.object_crops import MASK_PX, Crops, crop_objects
from unity_depth_perception.models.compact.scale_vote import log_depth_in_masks, scale_by_vote
from unity_depth_perception.models.fine_tuned import COMPACT_KIND
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.training.data.batches import Batch, bilinear, ray_channels
from unity_depth_perception.training.data.detection_targets import detection_targets, jitter_boxes
from unity_depth_perception.training.fine_tuning.silog import silog


class TrainableCompact:
    """See `Trainable`. The backbone is the dense encoder and the cube scale; batch normalisation is in eval mode."""

    area_px = 384 * 384
    least_crop = 0.7
    learning_rate = 1e-4

    def __init__(self, estimator: CompactDepth) -> None:
        self._networks, self._cube_scale = estimator.networks, estimator.cube_scale
        self._dense = [network for network in (self._networks.dense, self._networks.open) if network is not None]

    def parts(self, backbone: bool) -> nn.Module:
        """The decoders and their heads, or all networks but the gate, which goes on to choose as it did."""
        self._networks.requires_grad_(False)
        of_decoder = ("merge", "columns", "head", "trust", "upsampling")
        decoders = [nn.ModuleDict({name: getattr(dense, name) for name in of_decoder}) for dense in self._dense]
        chosen = nn.ModuleList([*self._dense, self._cube_scale] if backbone else decoders)
        return chosen.requires_grad_(True)

    def losses(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """SILog."""
        return {"silog": silog(self.log_depth(batch, rng), batch.depth_m)}

    def log_depth(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Log depth in metres (B, H, W), upsampled from the network's size, each image by the network that it gets."""
        image, intrinsics = _at_network_size(batch)
        rays, gate, rooms = ray_channels(intrinsics, *image.shape[2:]), self._networks.sky_gate, self._dense[0]
        if gate is None:
            return self._log_depth_by(rooms, batch, rng)
        with torch.no_grad():
            is_open = gate.is_open(rooms.encode(image, rays), rays)
        result = torch.empty_like(batch.depth_m)
        for network, chosen in zip(self._dense, (~is_open, is_open), strict=True):
            if bool(chosen.any()):
                result[chosen] = self._log_depth_by(network, batch.select(chosen), rng)
        return result

    def _log_depth_by(self, network: CompactDepthNetwork, batch: Batch, rng: np.random.Generator) -> Tensor:
        height, width = batch.image.shape[2:]
        image, intrinsics = _at_network_size(batch)
        rays = ray_channels(intrinsics, *image.shape[2:])
        log_unit = (intrinsics[:, :2].mean(dim=1) / CANONICAL_FOCAL_PX).log()
        encoding = network.encode(image, rays)
        crops, boxes, masks = _object_crops(batch, rng)
        of_crops = batch.intrinsics[crops.image_of]
        estimates = self._cube_scale(crops, of_crops, torch.zeros_like(of_crops[:, :3]))
        own = encoding.floor.scaled(log_unit)
        log_ratio = network.decode(encoding, rays, _normals(own, estimates.floor, crops.image_of)).log_depth
        relative = boxes / boxes.new_tensor([width, height] * 2)
        log_scales, images = [], torch.arange(len(batch.image), device=boxes.device)
        for index in range(len(batch.image)):
            mine = crops.image_of == index
            seen = log_depth_in_masks(log_ratio[index], relative[mine], masks[mine])
            log_scales.append(scale_by_vote(own.select(images == index), estimates.select(mine), seen))
        log_scale = torch.stack(log_scales)[:, None, None] + network.log_scale
        return bilinear(log_ratio, height, width) + log_scale

    def scale_depth(self, factor: float) -> None:
        """Change the buffers `log_scale`, which are added to every log depth."""
        for dense in self._dense:
            dense.log_scale += math.log(factor)

    def weights(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """All networks, named as in the embedded weights."""
        return self._networks.state_dict(), {"kind": COMPACT_KIND}


def _at_network_size(batch: Batch) -> tuple[Tensor, Tensor]:
    """Images (B, 3, h, w) and intrinsics (B, 4) of a batch at the size that the dense network works at."""
    height, width = batch.image.shape[2:]
    w, h = processing_size(width, height, DEPTH_AREA_PX)
    scale = batch.intrinsics.new_tensor([w / width, h / height]).repeat(2)
    half = scale.new_tensor([0.0, 0.0, 0.5, 0.5])
    return transforms.resize(batch.image, [h, w], antialias=True), (batch.intrinsics + half) * scale - half


def _normals(own: GroundPlaneEstimates, estimates: GroundPlaneEstimates, image_of: Tensor) -> Tensor:
    """Normals (B, 3) of the ground planes, fused from the encoder's estimates and those of each image's objects."""
    images = torch.arange(len(own.log_height), device=image_of.device)
    return torch.stack(
        [
            GroundPlaneEstimates.concatenate([own.select(images == k), estimates.select(image_of == k)]).fuse()[0]
            for k in images
        ]
    )


def _object_crops(batch: Batch, rng: np.random.Generator) -> tuple[Crops, Tensor, Tensor]:
    """Crops of the N annotated objects of a batch, with box jitter; their boxes (N, 4) [px] and masks (N, 28, 28)."""
    boxes, masks = [], []
    for index in range(len(batch.image)):
        targets = detection_targets(batch, index)
        jittered = jitter_boxes(targets["boxes"], rng)
        rois = torch.cat([torch.arange(len(jittered), device=jittered.device)[:, None], jittered], dim=1)
        masks.append(roi_align(targets["masks"][:, None].float(), rois, (MASK_PX, MASK_PX), sampling_ratio=2)[:, 0])
        boxes.append(functional.pad(jittered, (1, 0), value=index))
    rois, soft = torch.cat(boxes), torch.cat(masks)
    return crop_objects(batch.image, rois, soft), rois[:, 1:], soft
