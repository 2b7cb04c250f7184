"""The second look: whether and what an object is, from its own pixels, once Mask R-CNN has found it.

The box head sees an object through 7 x 7 cells of features, whose size follows the object's; whether its edges are
equally long is lost there, and whether they are straight. Cut out, brought to a fixed size and with its mask beside it,
that is plain to see.
"""

from __future__ import annotations

from torch import Tensor, nn

from unity_depth_perception.models.crops import FEATURES, crop_encoder, masked_crops

_MARGIN = 1.4  # side of a crop over the longer side of the object's box


class SecondLookNetwork(nn.Module):
    """Tells objects cut out of an image from what only resembles them, and their categories."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.features = crop_encoder(4)
        self.head = nn.Linear(FEATURES, 1 + class_count)

    def forward(self, image: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
        """Logits (N, 1 + C) of N objects: that each is none, and of its categories.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
            masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.
        """
        logits: Tensor = self.head(self.features(masked_crops(image, boxes, masks, _MARGIN)[0]))
        return logits
