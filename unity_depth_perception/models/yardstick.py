"""The yardstick: from cubes of known edge, how the floor lies and how far below the camera it is.

A cube cut out and brought to a fixed size looks the same near and far; what is left to tell is its orientation and how
its apparent size relates to its edge. That is learnt from a tenth of the images that a whole-image network needs. All
objects of an image then look at each other: beside two equal ones, a third of another size is no cube.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.crops import CROP_PX, masked_crops
from unity_depth_perception.models.floor_readings import FloorReadings, doubt_loss, errors
from unity_depth_perception.models.object_encoder import FEATURES, ObjectEncoder

_MARGIN = 1.5  # side of a crop over the longer side of the cube's box
_TYPICAL_LOG = (-2.0, -2.6)  # of depth and of height, times the crop's size: where an untrained network starts


@dataclass(frozen=True)
class Sightings:
    """What N objects say, each as if it were a cube.

    Attributes:
        log_depth: (N,) log of the median depth [m] of its visible surface.
        floor: where it says that the floor is; heights in metres.
    """

    log_depth: Tensor
    floor: FloorReadings


class YardstickNetwork(nn.Module):
    """Looks at cubes cut out of images."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(6)
        self.head = nn.Linear(FEATURES, 6)

    def forward(self, image: Tensor, boxes: Tensor, masks: Tensor, intrinsics: Tensor) -> Sightings:
        """Read N objects.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            boxes: (N, 5) index of the image, and the object's box x_min, y_min, x_max, y_max [px], max exclusive.
            masks: (N, MASK_PX, MASK_PX) float 0..1, each stretched over its box.
            intrinsics: (N, 4) fx, fy, cx, cy [px] of the object's image.
        """
        crops, center, side = masked_crops(image, boxes, masks, _MARGIN)
        rays = _crop_rays(center, side, intrinsics)
        log_size = (side / intrinsics[:, :2].mean(dim=1)).log()  # of the crop, at a depth of one metre [m]
        place = torch.cat([rays.mean(dim=(2, 3)), log_size[:, None] - _TYPICAL_LOG[0]], dim=1)
        raw = self.head(self.encoder(torch.cat([crops, rays], dim=1), place, boxes[:, 0]))
        mean_normal = torch.tensor([0.0, 0.8, 0.6], device=raw.device)
        floor = FloorReadings(
            normal=functional.normalize(raw[:, 2:5] + mean_normal, dim=1),
            log_height=0.4 * raw[:, 1] + _TYPICAL_LOG[1] - log_size,
            log_error=raw[:, 5].clamp(-4, 4),
        )
        return Sightings(log_depth=0.2 * raw[:, 0] + _TYPICAL_LOG[0] - log_size, floor=floor)


def sighting_losses(
    sightings: Sightings, log_depth: Tensor, floor: Tensor, is_cube: Tensor, image_of: Tensor
) -> dict[str, Tensor]:
    """Absolute errors where N sightings are of cubes, the doubt of all, and the error of what each image's agree on.

    Args:
        log_depth: (N,) log of the true median depths [m].
        floor: (N, 4) true normal and height [m] of the floor under each.
        is_cube: (N,) bool; what is no cube teaches doubt alone: that nothing can be read from it.
        image_of: (N,) which image each is of.
    """
    tilt, height = errors(sightings.floor, floor[:, :3], floor[:, 3].log())
    depth = (sightings.log_depth - log_depth).abs()
    agreed = [_agreed_error(sightings.floor.of(here), floor[here][0]) for here in _with_cubes(is_cube, image_of)]
    return {
        "cube depth": 4 * depth[is_cube].mean(),
        "cube height": 2 * height[is_cube].mean(),
        "cube tilt": 2 * tilt[is_cube].mean(),
        "doubt": 0.1 * doubt_loss(tilt + height, sightings.floor.log_error),
        "agreed floor": 2 * torch.stack(agreed).mean(),
    }


def _with_cubes(is_cube: Tensor, image_of: Tensor) -> list[Tensor]:
    """The objects (N,) bool of each image that shows a cube."""
    return [image_of == image for image in sorted(set(image_of[is_cube].tolist()))]


def _agreed_error(readings: FloorReadings, floor: Tensor) -> Tensor:
    normal, log_height = readings.agreed()
    error: Tensor = (normal - floor[:3]).norm() + (log_height - floor[3].log()).abs()
    return error


def _crop_rays(center: Tensor, side: Tensor, intrinsics: Tensor) -> Tensor:
    """(N, 2, CROP_PX, CROP_PX) viewing rays of the crops' pixels; `center` counts from the image's corner."""
    grid = ((torch.arange(CROP_PX, device=center.device) + 0.5) / CROP_PX - 0.5) * side[:, None]  # (N, CROP_PX)
    fx, fy, cx, cy = intrinsics.unbind(dim=1)
    x = (center[:, 0, None] - 0.5 + grid - cx[:, None]) / fx[:, None]
    y = (center[:, 1, None] - 0.5 + grid - cy[:, None]) / fy[:, None]
    shape = (len(center), CROP_PX, CROP_PX)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=1)
