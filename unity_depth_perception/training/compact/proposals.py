"""What the networks that look at objects singly learn from: what Mask R-CNN finds, rightly or not, and misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import MaskRCNN
from torchvision.ops import box_iou, roi_align

from unity_depth_perception.models.compact.object_crops import MASK_PX, Crops, coloured, crop_objects, normalised
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.models.mask_rcnn.detection import LEAST_SCORE, detect, soft_masks
from unity_depth_perception.models.mask_rcnn.paste_masks import resized
from unity_depth_perception.training.data.batches import augment_colors
from unity_depth_perception.training.data.detection_targets import jitter_boxes, shown
from unity_depth_perception.training.data.shards import Shard

_FOUND_IOU = 0.5  # of a box with an object's, of what is that object
_LEFT_OUT = 0.1  # of what an image shows: so that its other objects are never the same
_LEAST_PART = 0.8  # of the side of a crop, of the part of it that is shown
_KNOWN_SHARE = 0.5  # of the images whose camera tells where down is
_MISTAKEN_IOU = 0.3  # with any object's, of what is none; in between it is not told


@dataclass(frozen=True)
class CropBatch:
    """N objects, and what resembles them, cut out of images of one size.

    Attributes:
        crops: the objects; `image_of` says which image each is of.
        labels: (N,) int64 category, counted from 1; 0 where there is no object.
        depth_m: (N,) median true depth; NaN where that is not known.
        intrinsics: (N, 4) fx, fy, cx, cy [px] of the object's image.
        floor: (N, 4) as `Batch.floor`, of the object's image.
        size: height and width of the images.
    """

    crops: Crops
    labels: Tensor
    depth_m: Tensor
    intrinsics: Tensor
    floor: Tensor
    size: tuple[int, int]


class _Finds(NamedTuple):
    """What is found in one image, and missed: `CropBatch` of it, with `crops.pixels` as uint8 0..255."""

    crops: Crops
    labels: Tensor
    depth_m: Tensor


class CropMiner:
    """Mask R-CNN as it looks at use. It looks at an image once; what it finds there is kept, 16 kB each."""

    def __init__(self, detector: MaskRCNN, area_px: int, least_ratio: float, device: torch.device) -> None:
        self._detector, self._area_px, self._least_ratio, self._device = detector, area_px, least_ratio, device
        self._known: dict[int, tuple[Shard, dict[int, _Finds]]] = {}

    def finds(self, shard: Shard, index: int) -> _Finds:
        """All that it finds in an image of a shard, and the objects that it misses."""
        _, known = self._known.setdefault(id(shard), (shard, {}))
        if index not in known:
            with torch.autocast(self._device.type, enabled=False):  # it shall find what it finds at use
                known[index] = self._in_image(shard, index)
        return known[index]

    @torch.no_grad()
    def _in_image(self, shard: Shard, index: int) -> _Finds:
        height, width = shard.image.shape[1:3]
        image = torch.from_numpy(np.array(shard.image[index])).to(self._device)
        small = resized(image, *processing_size(width, height, self._area_px))
        found = detect(self._detector, small[0], LEAST_SCORE)
        soft = soft_masks(self._detector, found)
        boxes = found.boxes * found.boxes.new_tensor([width / small.shape[3], height / small.shape[2]]).repeat(2)
        instances = torch.from_numpy(np.array(shard.instances[index])).to(self._device)
        category = torch.from_numpy(shard.category[index].astype(np.int64)).to(self._device)
        objects = shown(instances, self._least_ratio)
        true, visible = objects.boxes, objects.is_large
        overlap = box_iou(boxes, true)
        best, which = functional.pad(overlap, (0, 1)).max(dim=1)  # the last is nothing
        is_object = (best >= _FOUND_IOU) & functional.pad(visible, (0, 1))[which]
        labels = torch.where(is_object, functional.pad(category[objects.ids] + 1, (0, 1))[which], 0)
        told = is_object | (best < _MISTAKEN_IOU)
        missed = visible & (functional.pad(overlap, (0, 0, 0, 1)).amax(dim=0) < _FOUND_IOU)
        wrong = jitter_boxes(true[missed], np.random.default_rng(index))
        exact = _masks_in(objects.masks[missed], wrong)
        boxes, soft = torch.cat([boxes[told], wrong]), torch.cat([soft[told], exact])
        labels = torch.cat([labels[told], category[objects.ids[missed]] + 1])
        crops = crop_objects(image.permute(2, 0, 1)[None].float() / 255, _numbered(boxes), soft)
        colour = coloured(crops.pixels[:, :3])
        pixels = (torch.cat([colour, crops.pixels[:, 3:]], dim=1) * 255).round().to(torch.uint8)
        depth = torch.from_numpy(shard.depth_m[index].astype(np.float32)).to(self._device)
        return _Finds(crops._replace(pixels=pixels), labels, _median_in(depth, boxes, soft))


def _numbered(boxes: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)


def _masks_in(masks: Tensor, boxes: Tensor) -> Tensor:
    """(N, MASK_PX, MASK_PX) 0..1: masks (N, H, W) bool, each in its box."""
    layers = [
        roi_align(mask[None, None].float(), _numbered(box[None]), (MASK_PX, MASK_PX), sampling_ratio=2)
        for mask, box in zip(masks, boxes, strict=True)
    ]
    return torch.cat(layers)[:, 0] if layers else boxes.new_zeros(0, MASK_PX, MASK_PX)


def _median_in(depth_m: Tensor, boxes: Tensor, soft: Tensor) -> Tensor:
    """(N,) median of a depth image (H, W) in soft masks."""
    sampled = roi_align(depth_m[None, None], _numbered(boxes), (MASK_PX, MASK_PX), sampling_ratio=1)[:, 0]
    inside = (soft >= 0.5) & torch.isfinite(sampled)
    return torch.where(inside, sampled, torch.nan).flatten(1).nanmedian(dim=1).values


def draw_crops(shards: list[Shard], finder: CropMiner, rng: np.random.Generator, count: int) -> CropBatch:
    """What is found and missed in `count` images of one shard, each time otherwise.

    They are augment_colors, random_crop, now and then mirrored, and some are left out.
    """
    shard = shards[rng.integers(len(shards))]
    index = rng.choice(len(shard.image), size=min(count, len(shard.image)), replace=False)
    finds = [_most_of(finder.finds(shard, int(k)), rng) for k in index]
    numbered = [found.crops._replace(image_of=found.crops.image_of + k) for k, found in enumerate(finds)]
    crops = Crops(*(torch.cat(tensors) for tensors in zip(*numbered, strict=True)))
    intrinsics, floor = (torch.from_numpy(of[index]).to(crops.side.device) for of in (shard.intrinsics, shard.floor))
    height, width = shard.image.shape[1:3]
    drawn = CropBatch(
        random_crop(crops._replace(pixels=_seen(crops, rng)), rng),
        torch.cat([found.labels for found in finds]),
        torch.cat([found.depth_m for found in finds]),
        intrinsics[crops.image_of],
        floor[crops.image_of],
        (height, width),
    )
    return _mirrored(drawn) if rng.random() < 0.5 else drawn


def _most_of(found: _Finds, rng: np.random.Generator) -> _Finds:
    kept = torch.from_numpy(rng.random(len(found.labels)) >= _LEFT_OUT).to(found.labels.device)
    return _Finds(Crops(*(tensor[kept] for tensor in found.crops)), found.labels[kept], found.depth_m[kept])


def draw_gravity(seen: CropBatch, images: int) -> Tensor:
    """(N, 3) where down is, of some of the images; zeros of the others and where it is not known."""
    told = torch.rand(images, device=seen.floor.device) < _KNOWN_SHARE
    return (seen.floor[:, :3] * told[seen.crops.image_of, None]).nan_to_num(0.0)


def _seen(crops: Crops, rng: np.random.Generator) -> Tensor:
    """The crops' pixels as the networks see them, augment_colors."""
    pixels = crops.pixels.float() / 255
    colour = augment_colors(pixels[:, :3], crops.image_of, rng)
    return torch.cat([normalised(colour), pixels[:, 3:]], dim=1).contiguous(memory_format=torch.channels_last)


def random_crop(crops: Crops, rng: np.random.Generator) -> Crops:
    """Half of the crops as if their boxes had been found smaller and off the middle: windows of what is seen."""
    count, device = len(crops.side), crops.side.device
    part = np.where(rng.random(count) < 0.5, rng.uniform(_LEAST_PART, 1.0, count), 1.0)
    away = rng.uniform(-1.0, 1.0, (count, 2)) * (1 - part[:, None]) / 2
    scale, shift = (torch.from_numpy(values.astype(np.float32)).to(device) for values in (part, away))  # in sides
    affine = torch.cat([scale[:, None, None] * torch.eye(2, device=device), 2 * shift[:, :, None]], dim=2)
    grid = functional.affine_grid(affine, list(crops.pixels.shape), align_corners=False)
    pixels = functional.grid_sample(crops.pixels, grid, padding_mode="border", align_corners=False)
    return crops._replace(
        pixels=pixels.contiguous(memory_format=torch.channels_last),
        center=crops.center + shift * crops.side[:, None],
        side=scale * crops.side,
    )


def _mirrored(seen: CropBatch) -> CropBatch:
    crops, width = seen.crops, seen.size[1]
    center, intrinsics = crops.center.clone(), seen.intrinsics.clone()
    center[:, 0] = width - center[:, 0]
    intrinsics[:, 2] = width - 1 - intrinsics[:, 2]
    floor = seen.floor * seen.floor.new_tensor([-1.0, 1.0, 1.0, 1.0])
    return replace(
        seen, crops=crops._replace(pixels=crops.pixels.flip(3), center=center), intrinsics=intrinsics, floor=floor
    )
