"""Training crops for the crop classifier and the cube scale: detector hits, false alarms and missed objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import MaskRCNN
from torchvision.ops import box_iou, roi_align

from unity_depth_perception.models.compact.object_crops import (
    MASK_PX,
    Crops,
    crop_objects,
    denormalize_colors,
    normalize_colors,
)
from unity_depth_perception.models.image_size import processing_size, resize_image
from unity_depth_perception.models.mask_rcnn.detection import MIN_SCORE, detect, soft_masks
from unity_depth_perception.training.data.batches import augment_colors
from unity_depth_perception.training.data.detection_targets import VisibleObjects, jitter_boxes, visible_objects
from unity_depth_perception.training.data.shards import Shard

_HIT_IOU = 0.5  # least IoU of a hit with its object
_FALSE_ALARM_IOU = 0.3  # IoU with every object is below; predictions in between are ambiguous and left out
_DROP_SHARE = 0.1  # of the crops of an image, so that the objects beside one vary
_LEAST_CROP = 0.8  # of the side of a crop
_GRAVITY_SHARE = 0.5  # of the images come with gravity


@dataclass(frozen=True)
class CropBatch:
    """N crops of objects and false alarms, from images of one size.

    Attributes:
        crops: `image_of` is the index of the image in the batch.
        labels: (N,) int64 category, counted from 1; 0 for a false alarm.
        depth_m: (N,) median true depth; NaN where unknown.
        intrinsics: (N, 4) fx, fy, cx, cy [px] of the crop's image.
        floor: (N, 4) as `Batch.floor`, of the crop's image.
        size: height and width of the images.
    """

    crops: Crops
    labels: Tensor
    depth_m: Tensor
    intrinsics: Tensor
    floor: Tensor
    size: tuple[int, int]


class ImageCrops(NamedTuple):
    """Crops of one image, with fields as in `CropBatch`, but `crops.pixels` are uint8 0..255."""

    crops: Crops
    labels: Tensor
    depth_m: Tensor


class CropMiner:
    """Runs Mask R-CNN on training images, once each, and caches the crops (16 kB each)."""

    def __init__(self, detector: MaskRCNN, area_px: int, least_ratio: float, device: torch.device) -> None:
        self._detector, self._area_px, self._least_ratio, self._device = detector, area_px, least_ratio, device
        self._cache: dict[int, tuple[Shard, dict[int, ImageCrops]]] = {}

    def crops_of(self, shard: Shard, index: int) -> ImageCrops:
        """Hits, false alarms and missed objects of an image of a shard."""
        _, cached = self._cache.setdefault(id(shard), (shard, {}))
        if index not in cached:
            with torch.no_grad(), torch.autocast(self._device.type, enabled=False):  # the same predictions as at use
                cached[index] = self._mine(shard, index)
        return cached[index]

    def _mine(self, shard: Shard, index: int) -> ImageCrops:
        image = torch.from_numpy(np.array(shard.image[index])).to(self._device)
        depth_m = torch.from_numpy(shard.depth_m[index].astype(np.float32)).to(self._device)
        category = torch.from_numpy(shard.category[index].astype(np.int64)).to(self._device)
        instances = torch.from_numpy(np.array(shard.instances[index])).to(self._device)
        objects = visible_objects(instances, self._least_ratio)
        boxes, masks = self._predict(image)
        overlap = box_iou(boxes, objects.boxes)
        labels, is_clear = _labels(overlap, objects, category)
        missed = objects.is_large & (functional.pad(overlap, (0, 0, 0, 1)).amax(dim=0) < _HIT_IOU)
        missed_boxes = jitter_boxes(objects.boxes[missed], np.random.default_rng(index))
        missed_masks = _masks_in_boxes(objects.masks[missed], missed_boxes)
        boxes, masks = torch.cat([boxes[is_clear], missed_boxes]), torch.cat([masks[is_clear], missed_masks])
        labels = torch.cat([labels[is_clear], category[objects.ids[missed]] + 1])
        crops = crop_objects(image.permute(2, 0, 1)[None].float() / 255, _as_rois(boxes), masks)
        pixels = torch.cat([denormalize_colors(crops.pixels[:, :3]), crops.pixels[:, 3:]], dim=1)
        pixels = (pixels * 255).round().to(torch.uint8)
        return ImageCrops(crops._replace(pixels=pixels), labels, _median_in_masks(depth_m, boxes, masks))

    def _predict(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (N, 4) in an image (H, W, 3) and soft masks (N, MASK_PX, MASK_PX) in the boxes."""
        height, width = image.shape[:2]
        small = resize_image(image, *processing_size(width, height, self._area_px))
        detections = detect(self._detector, small[0], MIN_SCORE)
        scale = detections.boxes.new_tensor([width / small.shape[3], height / small.shape[2]]).repeat(2)
        return detections.boxes * scale, soft_masks(self._detector, detections)


def _labels(overlap: Tensor, objects: VisibleObjects, category: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (N,) of predictions from their IoU (N, M) with the objects, and which are clearly hit or false alarm."""
    best, which = functional.pad(overlap, (0, 1)).max(dim=1)  # the last column is the background
    is_hit = (best >= _HIT_IOU) & functional.pad(objects.is_large, (0, 1))[which]
    labels = torch.where(is_hit, functional.pad(category[objects.ids] + 1, (0, 1))[which], 0)
    return labels, is_hit | (best < _FALSE_ALARM_IOU)


def _as_rois(boxes: Tensor) -> Tensor:
    """Boxes (N, 5) of the only image of a batch, its index first."""
    return functional.pad(boxes, (1, 0))


def _masks_in_boxes(masks: Tensor, boxes: Tensor) -> Tensor:
    """Masks (N, H, W) bool, resampled in their boxes to (N, MASK_PX, MASK_PX) 0..1."""
    sampled = [
        roi_align(mask[None, None].float(), _as_rois(box[None]), (MASK_PX, MASK_PX), sampling_ratio=2)
        for mask, box in zip(masks, boxes, strict=True)
    ]
    return torch.cat(sampled)[:, 0] if sampled else boxes.new_zeros(0, MASK_PX, MASK_PX)


def _median_in_masks(depth_m: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
    """Median (N,) of a depth image (H, W) in soft masks."""
    sampled = roi_align(depth_m[None, None], _as_rois(boxes), (MASK_PX, MASK_PX), sampling_ratio=1)[:, 0]
    inside = (masks >= 0.5) & torch.isfinite(sampled)
    return torch.where(inside, sampled, torch.nan).flatten(1).nanmedian(dim=1).values


def draw_crops(shards: list[Shard], miner: CropMiner, rng: np.random.Generator, count: int) -> CropBatch:
    """Draw the crops of `count` images of one shard, some dropped, with photometric augmentation, jitter and flips."""
    shard = shards[rng.integers(len(shards))]
    index = rng.choice(len(shard.image), size=min(count, len(shard.image)), replace=False)
    mined = [_drop(miner.crops_of(shard, int(k)), rng) for k in index]
    numbered = [one.crops._replace(image_of=one.crops.image_of + k) for k, one in enumerate(mined)]
    crops = Crops(*(torch.cat(tensors) for tensors in zip(*numbered, strict=True)))
    intrinsics, floor = (torch.from_numpy(of[index]).to(crops.side.device) for of in (shard.intrinsics, shard.floor))
    height, width = shard.image.shape[1:3]
    batch = CropBatch(
        random_crop(crops._replace(pixels=_augment_pixels(crops, rng)), rng),
        torch.cat([one.labels for one in mined]),
        torch.cat([one.depth_m for one in mined]),
        intrinsics[crops.image_of],
        floor[crops.image_of],
        (height, width),
    )
    return _flip(batch) if rng.random() < 0.5 else batch


def _drop(mined: ImageCrops, rng: np.random.Generator) -> ImageCrops:
    kept = torch.from_numpy(rng.random(len(mined.labels)) >= _DROP_SHARE).to(mined.labels.device)
    return ImageCrops(Crops(*(tensor[kept] for tensor in mined.crops)), mined.labels[kept], mined.depth_m[kept])


def draw_gravity(batch: CropBatch, images: int) -> Tensor:
    """Gravity direction (N, 3) in the optical frame for half of the images; zeros for the others and where unknown."""
    is_given = torch.rand(images, device=batch.floor.device) < _GRAVITY_SHARE
    return (batch.floor[:, :3] * is_given[batch.crops.image_of, None]).nan_to_num(0.0)


def _augment_pixels(crops: Crops, rng: np.random.Generator) -> Tensor:
    """Pixels as network input, with photometric augmentation."""
    pixels = crops.pixels.float() / 255
    colour = augment_colors(pixels[:, :3], crops.image_of, rng)
    return torch.cat([normalize_colors(colour), pixels[:, 3:]], dim=1).contiguous(memory_format=torch.channels_last)


def random_crop(crops: Crops, rng: np.random.Generator) -> Crops:
    """Replace half of the crops by smaller, shifted windows of themselves, as if their boxes were inaccurate."""
    count, device = len(crops.side), crops.side.device
    part = np.where(rng.random(count) < 0.5, rng.uniform(_LEAST_CROP, 1.0, count), 1.0)
    offset = rng.uniform(-1.0, 1.0, (count, 2)) * (1 - part[:, None]) / 2
    scale, shift = (torch.from_numpy(values.astype(np.float32)).to(device) for values in (part, offset))  # in sides
    affine = torch.cat([scale[:, None, None] * torch.eye(2, device=device), 2 * shift[:, :, None]], dim=2)
    grid = functional.affine_grid(affine, list(crops.pixels.shape), align_corners=False)
    pixels = functional.grid_sample(crops.pixels, grid, padding_mode="border", align_corners=False)
    return crops._replace(
        pixels=pixels.contiguous(memory_format=torch.channels_last),
        center=crops.center + shift * crops.side[:, None],
        side=scale * crops.side,
    )


def _flip(batch: CropBatch) -> CropBatch:
    crops, width = batch.crops, batch.size[1]
    center, intrinsics = crops.center.clone(), batch.intrinsics.clone()
    center[:, 0] = width - center[:, 0]
    intrinsics[:, 2] = width - 1 - intrinsics[:, 2]
    floor = batch.floor * batch.floor.new_tensor([-1.0, 1.0, 1.0, 1.0])
    return replace(
        batch, crops=crops._replace(pixels=crops.pixels.flip(3), center=center), intrinsics=intrinsics, floor=floor
    )
