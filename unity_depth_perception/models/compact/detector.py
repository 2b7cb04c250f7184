"""The detector of the `compact` segmentation model: torchvision's Mask R-CNN, reduced for simple scenes.

At full size its region proposals and box head cost far more than a small backbone. Reduced to: a small residual
encoder, a feature pyramid of four levels and 64 channels, 50 proposals at inference, 48 sampled boxes in training, a
box head of 256 channels and two mask layers.
He et al., "Mask R-CNN", ICCV 2017; Lin et al., "Feature Pyramid Networks", CVPR 2017.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from unity_depth_perception.models.compact.layers import conv_block, encoder_stages

_WIDTHS = (16, 24, 48, 96, 128)
_CHANNELS = 64
_LEVELS = ("0", "1", "2", "3")
_ANCHOR_PX = ((16,), (36,), (80,), (180,))


class CompactBackbone(nn.Module):
    """Residual encoder with a feature pyramid at 1/4, 1/8, 1/16 and 1/32 of the resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_block(3, _WIDTHS[0], stride=2)
        self.stages = encoder_stages(_WIDTHS)
        self.pyramid = FeaturePyramidNetwork(list(_WIDTHS[1:]), _CHANNELS)
        self.out_channels = _CHANNELS

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        features = OrderedDict()
        for level, stage in zip(_LEVELS, self.stages, strict=True):
            x = stage(x)
            features[level] = x
        return self.pyramid(features)  # type: ignore[no-any-return]


def compact_mask_rcnn(class_count: int) -> MaskRCNN:
    """Mask R-CNN for `class_count` categories (background not counted), with random weights; inputs are not resized."""
    options: dict[str, Any] = {
        "min_size": 1,
        "max_size": 1,
        "_skip_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.25, 0.25, 0.25],
        "rpn_pre_nms_top_n_train": 400,
        "rpn_post_nms_top_n_train": 200,
        "rpn_pre_nms_top_n_test": 200,
        "rpn_post_nms_top_n_test": 50,
        "rpn_batch_size_per_image": 128,
        "box_batch_size_per_image": 48,
        "box_detections_per_img": 32,
    }
    return MaskRCNN(
        CompactBackbone(),
        rpn_anchor_generator=AnchorGenerator(_ANCHOR_PX, ((0.5, 1.0, 2.0),) * len(_ANCHOR_PX)),
        box_roi_pool=MultiScaleRoIAlign(list(_LEVELS), output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(_CHANNELS * 49, 256),
        box_predictor=FastRCNNPredictor(256, class_count + 1),
        mask_roi_pool=MultiScaleRoIAlign(list(_LEVELS), output_size=14, sampling_ratio=2),
        mask_head=MaskRCNNHeads(_CHANNELS, (_CHANNELS, _CHANNELS), 1),
        mask_predictor=MaskRCNNPredictor(_CHANNELS, _CHANNELS, class_count + 1),
        **options,
    )
