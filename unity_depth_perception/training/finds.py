"""What the networks that look at objects singly learn from: what Mask R-CNN finds, rightly or not, and misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import MaskRCNN
from torchvision.ops import box_iou, masks_to_boxes, roi_align

from unity_depth_perception.models.crops import MASK_PX, Crops, coloured, cut_out, normalised
from unity_depth_perception.models.pasting import resized
from unity_depth_perception.models.processing import processing_size
from unity_depth_perception.models.segmentation_network import LEAST_SCORE, detect, masks
from unity_depth_perception.training.batches import recoloured
from unity_depth_perception.training.shards import Shard
from unity_depth_perception.training.target import jittered

_FOUND_IOU = 0.5  # of a box with an object's, of what is that object
_KNOWN_SHARE = 0.5  # of the images whose camera tells where down is
_MISTAKEN_IOU = 0.3  # with any object's, of what is none; in between it is not told


@dataclass(frozen=True)
class Cutouts:
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


class Finder:
    """Mask R-CNN as it looks at use. Each shard is looked through once; what is found there is kept, 16 kB each."""

    def __init__(self, detector: MaskRCNN, area_px: int, least_ratio: float, device: torch.device) -> None:
        self._detector, self._area_px, self._least_ratio, self._device = detector, area_px, least_ratio, device
        self._known: dict[int, tuple[Shard, Cutouts]] = {}

    def cutouts(self, shard: Shard) -> Cutouts:
        """All that it finds in a shard's images, and the objects that it misses; `crops.pixels` as uint8 0..255."""
        if id(shard) not in self._known:
            parts = [self._in_image(shard, index) for index in range(len(shard.image))]
            pixels, center, side, image_of = (
                torch.cat(tensors) for tensors in zip(*(p[0] for p in parts), strict=True)
            )
            labels, depth_m = (torch.cat(tensors) for tensors in zip(*(p[1:] for p in parts), strict=True))
            intrinsics, floor = (
                torch.from_numpy(np.array(of)).to(self._device) for of in (shard.intrinsics, shard.floor)
            )
            crops = Crops(pixels, center, side, image_of)
            height, width = shard.image.shape[1:3]
            seen = Cutouts(crops, labels, depth_m, intrinsics[image_of], floor[image_of], (height, width))
            self._known[id(shard)] = shard, seen
        return self._known[id(shard)][1]

    @torch.no_grad()
    def _in_image(self, shard: Shard, index: int) -> tuple[Crops, Tensor, Tensor]:
        """Crops, labels and depths of one image."""
        height, width = shard.image.shape[1:3]
        image = torch.from_numpy(np.array(shard.image[index])).to(self._device)
        small = resized(image, *processing_size(width, height, self._area_px))
        found = detect(self._detector, small[0], LEAST_SCORE)
        soft = masks(self._detector, found).float()
        boxes = found.boxes * found.boxes.new_tensor([width / small.shape[3], height / small.shape[2]]).repeat(2)
        instances = torch.from_numpy(np.array(shard.instances[index])).to(self._device)
        category = torch.from_numpy(shard.category[index].astype(np.int64)).to(self._device)
        true, numbers, visible = self._objects(instances)
        overlap = box_iou(boxes, true)
        best, which = functional.pad(overlap, (0, 1)).max(dim=1)  # the last is nothing
        is_object = (best >= _FOUND_IOU) & functional.pad(visible, (0, 1))[which]
        labels = torch.where(is_object, functional.pad(category[numbers] + 1, (0, 1))[which], 0)
        told = is_object | (best < _MISTAKEN_IOU)
        missed = visible & (functional.pad(overlap, (0, 0, 0, 1)).amax(dim=0) < _FOUND_IOU)
        wrong = jittered(true[missed], np.random.default_rng(index))
        exact = _masks_in(instances, wrong, numbers[missed].tolist())
        boxes, soft = torch.cat([boxes[told], wrong]), torch.cat([soft[told], exact])
        labels = torch.cat([labels[told], category[numbers[missed]] + 1])
        crops = cut_out(image.permute(2, 0, 1)[None].float() / 255, _numbered(boxes), soft)
        colour = coloured(crops.pixels[:, :3])
        pixels = (torch.cat([colour, crops.pixels[:, 3:]], dim=1) * 255).round().to(torch.uint8)
        depth = torch.from_numpy(shard.depth_m[index].astype(np.float32)).to(self._device)
        of_image = torch.full_like(labels, index)
        return crops._replace(pixels=pixels, image_of=of_image), labels, _median_in(depth, boxes, soft)

    def _objects(self, instances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (M, 4) and indices (M,) of an image's objects, and whether each is large enough to be looked for."""
        counts = torch.bincount(instances.flatten().long())[1:]
        numbers = (counts > 0).nonzero().squeeze(1)
        boxes = masks_to_boxes(instances[None] == (numbers + 1)[:, None, None]).float().reshape(-1, 4)
        boxes[:, 2:] += 1  # max exclusive
        return boxes, numbers, counts[numbers] >= max(4, self._least_ratio * instances.numel())


def _numbered(boxes: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)


def _masks_in(instances: Tensor, boxes: Tensor, numbers: Sequence[int]) -> Tensor:
    """(N, MASK_PX, MASK_PX) 0..1 masks of the objects `numbers`, each in its box."""
    layers = [
        roi_align(
            (instances == 1 + number)[None, None].float(), _numbered(box[None]), (MASK_PX, MASK_PX), sampling_ratio=2
        )
        for number, box in zip(numbers, boxes, strict=True)
    ]
    return torch.cat(layers)[:, 0] if layers else boxes.new_zeros(0, MASK_PX, MASK_PX)


def _median_in(depth_m: Tensor, boxes: Tensor, soft: Tensor) -> Tensor:
    """(N,) median of a depth image (H, W) in soft masks."""
    sampled = roi_align(depth_m[None, None], _numbered(boxes), (MASK_PX, MASK_PX), sampling_ratio=1)[:, 0]
    inside = (soft >= 0.5) & torch.isfinite(sampled)
    return torch.where(inside, sampled, torch.nan).flatten(1).nanmedian(dim=1).values


def draw_cutouts(shards: list[Shard], finder: Finder, rng: np.random.Generator, count: int) -> Cutouts:
    """What is found and missed in `count` images of one shard, numbered anew; recoloured, now and then mirrored."""
    shard = shards[rng.integers(len(shards))]
    seen = finder.cutouts(shard)
    device = seen.labels.device
    index = rng.choice(len(shard.image), size=min(count, len(shard.image)), replace=False)
    place = torch.full((len(shard.image),), -1, device=device)
    place[torch.from_numpy(index).to(device)] = torch.arange(len(index), device=device)
    image_of = place[seen.crops.image_of]
    chosen = image_of >= 0
    crops = Crops(*(tensor[chosen] for tensor in seen.crops))._replace(image_of=image_of[chosen])
    drawn = Cutouts(
        crops._replace(pixels=_seen(crops, rng)),
        seen.labels[chosen],
        seen.depth_m[chosen],
        seen.intrinsics[chosen],
        seen.floor[chosen],
        seen.size,
    )
    return _mirrored(drawn) if rng.random() < 0.5 else drawn


def known_down(seen: Cutouts, images: int) -> Tensor:
    """(N, 3) where down is, of some of the images; zeros of the others and where it is not known."""
    told = torch.rand(images, device=seen.floor.device) < _KNOWN_SHARE
    return (seen.floor[:, :3] * told[seen.crops.image_of, None]).nan_to_num(0.0)


def _seen(crops: Crops, rng: np.random.Generator) -> Tensor:
    """The crops' pixels as the networks see them, recoloured."""
    pixels = crops.pixels.float() / 255
    colour = recoloured(pixels[:, :3], crops.image_of, rng)
    return torch.cat([normalised(colour), pixels[:, 3:]], dim=1).contiguous(memory_format=torch.channels_last)


def _mirrored(seen: Cutouts) -> Cutouts:
    crops, width = seen.crops, seen.size[1]
    center, intrinsics = crops.center.clone(), seen.intrinsics.clone()
    center[:, 0] = width - center[:, 0]
    intrinsics[:, 2] = width - 1 - intrinsics[:, 2]
    floor = seen.floor * seen.floor.new_tensor([-1.0, 1.0, 1.0, 1.0])
    return replace(
        seen, crops=crops._replace(pixels=crops.pixels.flip(3), center=center), intrinsics=intrinsics, floor=floor
    )
