"""The yardstick: from one cube of known edge, how the floor lies and how far below the camera it is.

A cube cut out and brought to a fixed size looks the same near and far; what is left to tell is its orientation and how
its apparent size relates to its edge. That is learnt from a tenth of the images that a whole-image network needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.blocks import conv_block
from unity_depth_perception.models.crops import CROP_PX, square_crops

_MARGIN = 1.5  # side of a crop over the longer side of the cube's box
_SHARPNESS = 6.0  # of the weights: the surest sightings decide, as the errors of the doubtful ones do not average out
_LEAST_ODDS = 1e-4  # that something is a cube: where there is none, the surest of what is none counts
_TYPICAL_LOG = (-2.0, -2.6)  # of depth and of height, times the crop's size: where an untrained network starts


@dataclass(frozen=True)
class Sightings:
    """What N cubes say, each for itself.

    Attributes:
        log_depth: (N,) log of the median depth [m] of the cube's visible surface.
        log_height: (N,) log of the camera's height above the floor [m].
        floor_normal: (N, 3) unit normal of the floor in the optical frame, pointing down.
        log_error: (N,) log of how far off they expect to be; for weighting.
    """

    log_depth: Tensor
    log_height: Tensor
    floor_normal: Tensor
    log_error: Tensor

    def of(self, chosen: Tensor) -> Sightings:
        """Those of a mask (N,) bool."""
        return Sightings(
            self.log_depth[chosen], self.log_height[chosen], self.floor_normal[chosen], self.log_error[chosen]
        )

    def agreed(self, is_cube: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height (), the mean weighted by how sure they are.

        Args:
            is_cube: (N,) probability that each is of a cube.
        """
        odds = torch.as_tensor(is_cube, device=self.log_error.device).clamp(min=_LEAST_ODDS)
        weight = functional.softmax(odds.log() - _SHARPNESS * self.log_error, dim=0)
        normal = functional.normalize((weight[:, None] * self.floor_normal).sum(dim=0), dim=0)
        return normal, (weight * self.log_height).sum()


class YardstickNetwork(nn.Module):
    """Looks at cubes cut out of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_block(5, 24, stride=2),
            conv_block(24, 48, stride=2),
            conv_block(48, 48),
            conv_block(48, 96, stride=2),
            conv_block(96, 96),
            conv_block(96, 128, stride=2),
            nn.Flatten(),
            nn.Linear(128 * (CROP_PX // 16) ** 2, 128),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(128, 6)

    def forward(self, image: Tensor, boxes: Tensor, intrinsics: Tensor) -> Sightings:
        """Read N cubes.

        Args:
            image: (B, 3, H, W) float, RGB 0..1.
            boxes: (N, 5) index of the image, and the cube's box x_min, y_min, x_max, y_max [px], max exclusive.
            intrinsics: (N, 4) fx, fy, cx, cy [px] of the cube's image.
        """
        crops, center, side = square_crops(image, boxes, _MARGIN)
        size = side / intrinsics[:, :2].mean(dim=1)  # of the crop, at a depth of one metre [m]
        rays = _crop_rays(center, side, intrinsics)
        raw = self.head(self.features(torch.cat([crops, rays], dim=1)))
        mean_normal = torch.tensor([0.0, 0.8, 0.6], device=raw.device)
        return Sightings(
            log_depth=0.2 * raw[:, 0] + _TYPICAL_LOG[0] - size.log(),
            log_height=0.4 * raw[:, 1] + _TYPICAL_LOG[1] - size.log(),
            floor_normal=functional.normalize(raw[:, 2:5] + mean_normal, dim=1),
            log_error=raw[:, 5].clamp(-4, 4),
        )


def sighting_losses(
    sightings: Sightings, log_depth: Tensor, log_height: Tensor, normal: Tensor, is_cube: Tensor
) -> dict[str, Tensor]:
    """Absolute errors where N sightings are of cubes, and the likelihood of all under a Laplace distribution.

    The likelihood is that of Kendall & Gal, "What Uncertainties Do We Need ...", NeurIPS 2017; its error is held fixed,
    so that a sighting learns how sure it is without ceasing to learn where it is unsure. What is no cube teaches the
    likelihood alone: that nothing can be read from it.
    """
    depth = (sightings.log_depth - log_depth).abs()
    height = (sightings.log_height - log_height).abs()
    tilt = (sightings.floor_normal - normal).norm(dim=1)
    total = (depth + height + tilt).detach()
    expected = total * (-sightings.log_error).exp() + sightings.log_error
    return {
        "cube depth": 4 * depth[is_cube].mean(),
        "cube height": 2 * height[is_cube].mean(),
        "cube tilt": 2 * tilt[is_cube].mean(),
        "cube likelihood": 0.1 * expected.mean(),
    }


def _crop_rays(center: Tensor, side: Tensor, intrinsics: Tensor) -> Tensor:
    """(N, 2, CROP_PX, CROP_PX) viewing rays of the crops' pixels; `center` counts from the image's corner."""
    grid = ((torch.arange(CROP_PX, device=center.device) + 0.5) / CROP_PX - 0.5) * side[:, None]  # (N, CROP_PX)
    fx, fy, cx, cy = intrinsics.unbind(dim=1)
    x = (center[:, 0, None] - 0.5 + grid - cx[:, None]) / fx[:, None]
    y = (center[:, 1, None] - 0.5 + grid - cy[:, None]) / fy[:, None]
    shape = (len(center), CROP_PX, CROP_PX)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=1)
