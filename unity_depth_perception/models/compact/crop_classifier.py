"""The crop classifier: re-scores each detection of Mask R-CNN and predicts its category from a crop of the image.

Mask R-CNN's box head pools an object into 7 x 7 cells, which stretch with the box: whether the object's edges are
straight and equally long is lost. A crop of fixed size with the object's mask keeps both, and attention between the
objects of an image helps where an object is partly hidden. A wide-angle lens stretches objects far from the image
centre, so the viewing ray of each pixel is an input, and the direction of gravity where it is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unity_depth_perception.models.compact.object_crops import Crops, crop_rays
from unity_depth_perception.models.compact.object_encoder import FEATURES, ObjectEncoder, is_known
from unity_depth_perception.models.runtime.upload import upload

_MEAN_LOG_SIZE = -1.5  # of a crop's side over the image's longer side; centres the input


class CropClassifier(nn.Module):
    """Class logits of object crops: background (a false detection) and C categories."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(6)
        self.embed_view = nn.Linear(7, FEATURES, bias=False)
        nn.init.zeros_(self.embed_view.weight)
        self.head = nn.Linear(FEATURES, 1 + class_count)

    def forward(self, crops: Crops, size: Sequence[int], intrinsics: Tensor, gravity: Tensor) -> Tensor:
        """Logits (N, 1 + C) of N crops: background first, then the categories.

        Args:
            size: height and width [px] of the images that they are cut from.
            intrinsics: (N, 4) fx, fy, cx, cy [px] of each crop's image.
            gravity: (N, 3) unit vector of gravity in the optical frame of each crop's image; zeros where it is unknown.
        """
        height, width = size
        longest = max(height, width)
        offset = (crops.center - upload([width / 2, height / 2], crops.center)) / longest
        place = torch.cat([offset, (crops.side / longest).log()[:, None] - _MEAN_LOG_SIZE], dim=1)
        rays = crop_rays(crops, intrinsics)
        angle = (crops.side / intrinsics[:, :2].mean(dim=1)).log()[:, None] - _MEAN_LOG_SIZE
        view = torch.cat([rays.mean(dim=(2, 3)), angle, gravity, is_known(gravity).to(gravity.dtype)], dim=1)
        inputs = torch.cat([crops.pixels, rays], dim=1)
        logits: Tensor = self.head(self.encoder(inputs, place, crops.image_of, self.embed_view(view)))
        return logits
