"""Metric scale from cubes of known edge length: each object crop gives an estimate of the ground plane.

One image has no scale unless something in it has a known size. In a crop of fixed size a cube looks the same at any
distance: the network only has to predict the cube's orientation and how its apparent size relates to its edge, which
takes a tenth of the training images of a whole-image network. Attention between the objects of an image tells cubes
from other boxes by their relative sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.compact.floor_estimates import (
    GroundPlaneEstimates,
    decode_normal,
    estimate_errors,
    laplace_nll,
)
from unity_depth_perception.models.compact.object_crops import Crops, crop_rays
from unity_depth_perception.models.compact.object_encoder import FEATURES, ObjectEncoder, is_known

_MEAN_LOG_DEPTH_TIMES_SIZE = -2.0  # prediction of an untrained network: depth times the crop's size at 1 m
_MEAN_DROP = 0.25  # prediction of an untrained network: from the crop's centre down to the cube's foot, in crop sides
_MIN_SLOPE = 0.02  # descent per metre of depth of a ray that meets the floor: the camera is above it


@dataclass(frozen=True)
class CubeEstimates:
    """Estimates from N objects, each made as if the object were a cube of the known edge length.

    Attributes:
        log_depth: (N,) log of the median depth [m] of the object's visible surface.
        floor: ground plane under each object; heights in metres.
    """

    log_depth: Tensor
    floor: GroundPlaneEstimates

    def select(self, chosen: Tensor) -> CubeEstimates:
        """The estimates of some objects: a mask (N,) bool or indices."""
        return CubeEstimates(self.log_depth[chosen], self.floor.select(chosen))


class CubeScaleNetwork(nn.Module):
    """Depth and ground plane from each of N object crops."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(6)
        self.embed_down = nn.Linear(4, FEATURES, bias=False)
        nn.init.zeros_(self.embed_down.weight)
        self.head = nn.Linear(FEATURES, 6)

    def forward(self, crops: Crops, intrinsics: Tensor, gravity: Tensor) -> CubeEstimates:
        """Estimate depth and ground plane from each crop.

        The camera's height is not predicted but computed, as the vertical distance from the camera to the foot of a
        cube at the predicted depth. An error of the normal therefore enters the height as well, and known gravity
        removes both.

        Args:
            intrinsics: (N, 4) fx, fy, cx, cy [px] of each crop's image.
            gravity: (N, 3) unit vector of gravity in the optical frame of each crop's image; zeros where it is unknown.
        """
        rays = crop_rays(crops, intrinsics)
        center = rays.mean(dim=(2, 3))
        log_size = (crops.side / intrinsics[:, :2].mean(dim=1)).log()  # the crop's side [m] at a depth of 1 m
        place = torch.cat([center, log_size[:, None] - _MEAN_LOG_DEPTH_TIMES_SIZE], dim=1)
        known = is_known(gravity)
        hint = self.embed_down(torch.cat([gravity, known.to(gravity.dtype)], dim=1))
        raw = self.head(self.encoder(torch.cat([crops.pixels, rays], dim=1), place, crops.image_of, hint)).float()
        normal = torch.where(known, gravity, decode_normal(raw[:, 2:5]))
        log_depth = 0.2 * raw[:, 0] + _MEAN_LOG_DEPTH_TIMES_SIZE - log_size
        drop = (_MEAN_DROP + 0.1 * raw[:, 1]) * log_size.exp()  # from the crop's centre, per metre of depth
        slope = (functional.pad(center, (0, 1), value=1.0) * normal).sum(dim=1) + drop
        floor = GroundPlaneEstimates(
            normal, log_height=log_depth + slope.clamp(min=_MIN_SLOPE).log(), log_sigma=raw[:, 5].clamp(-4, 4)
        )
        return CubeEstimates(log_depth, floor)


def cube_estimate_losses(
    estimates: CubeEstimates, log_depth: Tensor, floor: Tensor, is_cube: Tensor, image_of: Tensor
) -> dict[str, Tensor]:
    """Training losses: absolute errors of the cubes, predicted uncertainty of all, and error of each fused plane.

    Args:
        estimates: of N objects.
        log_depth: (N,) log of the true median depths [m].
        floor: (N, 4) true normal and height [m] of the ground plane under each object.
        is_cube: (N,) bool; any other object trains the uncertainty alone, to predict that its estimate is poor.
        image_of: (N,) index of each object's image.
    """
    tilt, height = estimate_errors(estimates.floor, floor[:, :3], floor[:, 3].log())
    depth = (estimates.log_depth - log_depth).abs()
    fused = [
        _fused_error(estimates.floor.select(in_image), floor[in_image][0])
        for in_image in _images_with_cubes(is_cube, image_of)
    ]
    return {
        "cube depth": 4 * depth[is_cube].mean(),
        "cube height": 2 * height[is_cube].mean(),
        "cube tilt": 2 * tilt[is_cube].mean(),
        "uncertainty": 0.1 * laplace_nll(tilt + height, estimates.floor.log_sigma),
        "fused floor": 2 * torch.stack(fused).mean(),
    }


def _images_with_cubes(is_cube: Tensor, image_of: Tensor) -> list[Tensor]:
    """Masks (N,) bool of the objects of each image that shows a cube."""
    return [image_of == image for image in sorted(set(image_of[is_cube].tolist()))]


def _fused_error(estimates: GroundPlaneEstimates, floor: Tensor) -> Tensor:
    """Error () of the plane fused from the estimates of one image, against the true normal and height (4,)."""
    normal, log_height = estimates.fuse()
    error: Tensor = (normal - floor[:3]).norm() + (log_height - floor[3].log()).abs()
    return error
