"""The second look: whether and what an object is, from its own pixels, once Mask R-CNN has found it.

The box head sees an object through 7 x 7 cells of features, whose size follows the object's; whether its edges are
equally long is lost there, and whether they are straight. Cut out, brought to a fixed size and with its mask beside it,
that is plain to see; and where that is hidden, the image's other objects help. A wide lens draws out what is off its
middle, so the network is told of each pixel's viewing ray, and of where down is if that is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unity_depth_perception.models.compact.object_crops import Crops, crop_rays
from unity_depth_perception.models.compact.object_encoder import FEATURES, ObjectEncoder, is_known

_TYPICAL_LOG = -1.5  # side of a crop over the image's longer side


class CropClassifier(nn.Module):
    """Tells objects cut out of images from what only resembles them, and their categories."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(6)
        self.embed_view = nn.Linear(7, FEATURES, bias=False)
        nn.init.zeros_(self.embed_view.weight)
        self.head = nn.Linear(FEATURES, 1 + class_count)

    def forward(self, crops: Crops, size: Sequence[int], intrinsics: Tensor, down: Tensor) -> Tensor:
        """Logits (N, 1 + C) of N objects: that each is none, and of its categories.

        Args:
            crops: the objects.
            size: height and width of the images that they are cut out of.
            intrinsics: (N, 4) fx, fy, cx, cy [px] of the object's image.
            down: (N, 3) where gravity points in the optical frame of the object's image, unit vectors; zeros where that
                is not known.
        """
        height, width = size
        longest = max(height, width)
        away = (crops.center - crops.center.new_tensor([width / 2, height / 2])) / longest
        place = torch.cat([away, (crops.side / longest).log()[:, None] - _TYPICAL_LOG], dim=1)
        rays = crop_rays(crops, intrinsics)
        angle = (crops.side / intrinsics[:, :2].mean(dim=1)).log()[:, None] - _TYPICAL_LOG
        view = torch.cat([rays.mean(dim=(2, 3)), angle, down, is_known(down).to(down.dtype)], dim=1)
        seen = torch.cat([crops.pixels, rays], dim=1)
        logits: Tensor = self.head(self.encoder(seen, place, crops.image_of, self.embed_view(view)))
        return logits
