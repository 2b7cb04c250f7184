"""Object proposals: candidate objects in an image, an input of both compact segmentation and compact depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.models.compact.object_crops import Crops
from unity_depth_perception.models.mask_rcnn.detection import Detections

Gravity = NDArray[np.float64]
"""(3,) unit vector of gravity in the optical frame (x right, y down, z forward)."""


@dataclass(frozen=True)
class ObjectProposals:
    """N candidate objects of one image.

    Attributes:
        detections: boxes of Mask R-CNN, in the image at the network's input size.
        masks: (N, 28, 28) soft masks 0..1, each stretched over its box.
        probabilities: (N, 1 + C) of the crop classifier: background (no object), then each category.
        crops: N crops of the image at the network's input size.
        intrinsics: (N, 4) fx, fy, cx, cy [px] of that image.
        gravity: (N, 3) unit vector of gravity in the optical frame; zeros where it is unknown.
    """

    detections: Detections
    masks: Tensor
    probabilities: Tensor
    crops: Crops
    intrinsics: Tensor
    gravity: Tensor
