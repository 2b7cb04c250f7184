"""Mask R-CNN with torchvision's backbones: larger than `compact`, for objects and scenes beyond cubes on a floor.

resnet50_fpn_v2: torchvision's maskrcnn_resnet50_fpn_v2 (Li et al., "Benchmarking Detection Transfer Learning with
Vision Transformers", 2021), 46 M parameters. mobilenet_v3_large: the same heads as torchvision's plain Mask R-CNN over
a feature pyramid of MobileNetV3-Large with levels at 1/4 to 1/64, 23 M parameters.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn_v2
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import (
    categories_of,
    check_kind,
    fill_network,
    input_area_px,
    load_weights,
)
from unity_depth_perception.models.image_size import processing_size, resize_image
from unity_depth_perception.models.mask_rcnn.detection import MIN_SCORE, DensePart, detect, soft_masks
from unity_depth_perception.models.mask_rcnn.paste_masks import boxes_of_masks, paste_masks
from unity_depth_perception.models.mask_rcnn.sharpen_masks import sharpen_masks
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import Candidates, Segmentation
from unity_depth_perception.models.runtime.acceleration import accelerate

KIND = "mask-rcnn"
INPUT_PX = 800
"""Square root of the input area. The COCO weights were trained with 800 px for the shorter side."""
_SCORE_THRESHOLD = 0.5
_STAGES = (1, 2, 3, 5)  # of MobileNetV3: 1/4, 1/8, 1/16, 1/32; the last convolution stands for stage 4
_ANCHOR_PX = ((16,), (32,), (64,), (128,), (256,))


def torchvision_mask_rcnn(network: str, class_count: int) -> MaskRCNN:
    """Mask R-CNN for `class_count` categories (background not counted), random weights; inputs are not resized.

    Raises:
        ModelError: there is no network of that name.
    """
    if network == "resnet50_fpn_v2":
        return maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, num_classes=class_count + 1, _skip_resize=True
        )
    if network == "mobilenet_v3_large":
        backbone = mobilenet_backbone(
            backbone_name=network,
            weights=None,
            fpn=True,
            norm_layer=nn.BatchNorm2d,
            trainable_layers=6,
            returned_layers=[*_STAGES],
        )
        anchors = AnchorGenerator(_ANCHOR_PX, ((0.5, 1.0, 2.0),) * len(_ANCHOR_PX))
        return MaskRCNN(backbone, class_count + 1, rpn_anchor_generator=anchors, _skip_resize=True)
    raise ModelError(f"expected the network mobilenet_v3_large or resnet50_fpn_v2, got {network!r}")


class MaskRcnnSegmenter:
    """Segmenter with a Mask R-CNN of `train-segmentation`; its box head gives the category: no crop classifier."""

    proposer = None

    def __init__(
        self, name: str, network: MaskRCNN, categories: tuple[str, ...], area_px: int, acceleration: str = "none"
    ) -> None:
        """`acceleration`, one of ACCELERATIONS, is of the dense part."""
        self.name = name
        self.network = network.eval()
        self.device: torch.device = next(network.parameters()).device
        self.categories = categories
        self._area_px = area_px
        self._dense = accelerate(DensePart(self.network), acceleration, self.device, f"the detector of {name}")

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> Segmentation:
        """Segment one image; see `Segmenter.infer`."""
        height, width = image.shape[:2]
        small = resize_image(image, *processing_size(width, height, min(self._area_px, width * height)))
        found = detect(self.network, small[0], MIN_SCORE, self._dense)
        soft = soft_masks(self.network, found)
        labels, scores = torch.stack([found.labels.to(found.scores.dtype), found.scores]).tolist()  # one download
        count = sum(score >= _SCORE_THRESHOLD for score in scores)  # they are sorted
        soft, boxes = sharpen_masks(image, soft, boxes_of_masks(found.boxes), found.size, found.scores)
        instances, chosen = paste_masks(soft[:count], boxes[:count], found.size, height, width)
        kept: list[int] = chosen.tolist()
        return Segmentation(
            instances,
            categories=tuple(self.categories[int(labels[index]) - 1] for index in kept),
            scores=tuple(scores[index] for index in kept),
            candidates=Candidates(soft, boxes, found.size, found.probabilities[:, 1:], self.categories),
        )


def load_mask_rcnn(path: Path, device: torch.device, acceleration: str = "none") -> MaskRcnnSegmenter:
    """Load a weights file of `train-segmentation`; raise ModelError if it cannot be read or is of another kind."""
    state, description = load_weights(path)
    check_kind(description, KIND, path)
    categories = categories_of(description, path)
    try:
        network = torchvision_mask_rcnn(str(description.get("network")), len(categories))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    fill_network(network, state, path)
    network.to(device).to(memory_format=torch.channels_last)
    area_px = input_area_px(description, path, INPUT_PX**2)
    return MaskRcnnSegmenter(str(path), network, categories, area_px, acceleration)
