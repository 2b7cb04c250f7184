"""Sharpening of Mask R-CNN's soft masks by the image's own pixels.

The mask head sees the image's features at a quarter of its resolution or less and answers on 28 x 28 places: contours
of large objects wobble, and corners are round. A guided filter makes each mask follow the colours of the image, at its
full resolution: a straight edge in the image is a straight edge of the mask. No weights, so it serves any network.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from unity_depth_perception.models.mask_rcnn.guided_filter import guided_filter
from unity_depth_perception.models.runtime.upload import upload

SHARP_PX = 112
_REDUCTION = 2  # of the filter's coefficients: the fast guided filter of He & Sun 2015
_MARGIN = 1.2  # sides of a window over those of the mask's box: a box that cuts an object off is mended too
_RADIUS = 10  # of the filter's windows, at the reduced size
_EPSILON = 1e-4  # contrasts below 1 % are no edges
_LEAST_SCORE = 0.3  # masks of lower score are hardly ever shown, and only enlarged


def sharpen_masks(
    image: Tensor, masks: Tensor, boxes: Tensor, size: tuple[int, int], scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Masks (N, SHARP_PX, SHARP_PX) 0..1 with the contours of the image, and their boxes (N, 4), which are larger.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: (N, M, M) soft masks 0..1, each stretched over its box.
        boxes: (N, 4) x_min, y_min, x_max, y_max of the masks [px], max exclusive, in the network's input image.
        size: height and width of the network's input image [px].
        scores: (N,) 0..1.
    """
    center, half = (boxes[:, :2] + boxes[:, 2:]) / 2, _MARGIN * (boxes[:, 2:] - boxes[:, :2]) / 2
    windows = torch.cat([center - half, center + half], dim=1)
    soft = _in_windows(masks)
    chosen = (scores >= _LEAST_SCORE).nonzero().squeeze(1)
    if len(chosen):
        scale = upload([image.shape[1] / size[1], image.shape[0] / size[0]] * 2, boxes)
        colours = _colours_in_windows(image, windows[chosen] * scale)
        soft[chosen] = guided_filter(colours, soft[chosen], _RADIUS, _EPSILON, _REDUCTION).clamp(0, 1)
    return soft, windows


def _colours_in_windows(image: Tensor, windows: Tensor) -> Tensor:
    """Colours (N, 3, SHARP_PX, SHARP_PX) 0..1 of an image (H, W, 3) uint8 in N windows (N, 4) [px]."""
    first, last = windows[:, :2].amin(dim=0).long() - 1, windows[:, 2:].amax(dim=0).long() + 2
    left, top, right, bottom = torch.cat([first, last]).clamp(min=0).tolist()
    seen = image[top:bottom, left:right].permute(2, 0, 1)[None].float()
    rois = functional.pad(windows - upload([left, top] * 2, windows), (1, 0))
    colours: Tensor = roi_align(seen, rois, SHARP_PX, sampling_ratio=2, aligned=True) / 255
    return colours


def _in_windows(masks: Tensor) -> Tensor:
    """Masks (N, SHARP_PX, SHARP_PX), resampled from the box of each to its window; 0 outside of the box."""
    place = ((torch.arange(SHARP_PX, device=masks.device) + 0.5) / SHARP_PX * 2 - 1) * _MARGIN  # -1..1 in the box
    grid = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=2).expand(len(masks), -1, -1, -1)
    return functional.grid_sample(masks[:, None], grid, align_corners=False)[:, 0]
