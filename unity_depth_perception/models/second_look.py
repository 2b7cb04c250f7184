"""The second look: whether and what an object is, from its own pixels, once Mask R-CNN has found it.

The box head sees an object through 7 x 7 cells of features, whose size follows the object's; whether its edges are
equally long is lost there, and whether they are straight. Cut out, brought to a fixed size and with its mask beside it,
that is plain to see; and where that is hidden, the image's other objects help.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unity_depth_perception.models.crops import masked_crops
from unity_depth_perception.models.object_encoder import FEATURES, ObjectEncoder

_MARGIN = 1.4  # side of a crop over the longer side of the object's box
_TYPICAL_LOG = -1.5  # side of a crop over the image's longer side


class SecondLookNetwork(nn.Module):
    """Tells objects cut out of images from what only resembles them, and their categories."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(4)
        self.head = nn.Linear(FEATURES, 1 + class_count)

    def forward(self, image: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
        """Logits (N, 1 + C) of N objects: that each is none, and of its categories.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
            masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.
        """
        crops, center, side = masked_crops(image, boxes, masks, _MARGIN)
        height, width = image.shape[2:]
        longest = max(height, width)
        away = (center - center.new_tensor([width / 2, height / 2])) / longest
        log_size = (side / longest).log() - _TYPICAL_LOG
        logits: Tensor = self.head(self.encoder(crops, torch.cat([away, log_size[:, None]], dim=1), boxes[:, 0]))
        return logits
