"""The cube_scale: from cubes of known edge, how the floor lies and how far below the camera it is.

A cube cut out and brought to a fixed size looks the same near and far; what is left to tell is its orientation and how
its apparent size relates to its edge. That is learnt from a tenth of the images that a whole-image network needs. All
objects of an image then look at each other: beside two equal ones, a third of another size is no cube.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates, estimate_errors, laplace_nll
from unity_depth_perception.models.compact.object_crops import Crops, crop_rays
from unity_depth_perception.models.compact.object_encoder import FEATURES, ObjectEncoder, is_known

_TYPICAL_LOG = -2.0  # of depth times the crop's size: where an untrained network starts
_TYPICAL_LOWER = 0.25  # of the crop's side: how much lower than its middle the cube stands
_LEAST_DOWN = 0.02  # what a ray to the floor goes down per metre of depth, the camera being above


@dataclass(frozen=True)
class CubeEstimates:
    """What N objects say, each as if it were a cube.

    Attributes:
        log_depth: (N,) log of the median depth [m] of its visible surface.
        floor: where it says that the floor is; heights in metres.
    """

    log_depth: Tensor
    floor: GroundPlaneEstimates


class CubeScaleNetwork(nn.Module):
    """Looks at cubes cut out of images."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ObjectEncoder(6)
        self.embed_down = nn.Linear(4, FEATURES, bias=False)
        nn.init.zeros_(self.embed_down.weight)
        self.head = nn.Linear(FEATURES, 6)

    def forward(self, crops: Crops, intrinsics: Tensor, down: Tensor) -> CubeEstimates:
        """Read N objects.

        The height is how far below the camera a cube so far away ends: a mistaken slope of the floor goes along with a
        mistaken height, and a known one does away with both.

        Args:
            crops: the objects.
            intrinsics: (N, 4) fx, fy, cx, cy [px] of the object's image.
            down: (N, 3) where gravity points in the optical frame of the object's image, unit vectors; zeros where that
                is not known.
        """
        rays = crop_rays(crops, intrinsics)
        middle = rays.mean(dim=(2, 3))
        log_size = (crops.side / intrinsics[:, :2].mean(dim=1)).log()  # of the crop, at a depth of one metre [m]
        place = torch.cat([middle, log_size[:, None] - _TYPICAL_LOG], dim=1)
        known = is_known(down)
        hint = self.embed_down(torch.cat([down, known.to(down.dtype)], dim=1))
        raw = self.head(self.encoder(torch.cat([crops.pixels, rays], dim=1), place, crops.image_of, hint)).float()
        mean_normal = torch.tensor([0.0, 0.8, 0.6], device=raw.device)
        normal = torch.where(known, down, functional.normalize(raw[:, 2:5] + mean_normal, dim=1))
        log_depth = 0.2 * raw[:, 0] + _TYPICAL_LOG - log_size
        lower = (_TYPICAL_LOWER + 0.1 * raw[:, 1]) * log_size.exp()  # than the middle of the crop, per metre of depth
        below = (functional.pad(middle, (0, 1), value=1.0) * normal).sum(dim=1) + lower
        floor = GroundPlaneEstimates(
            normal, log_height=log_depth + below.clamp(min=_LEAST_DOWN).log(), log_sigma=raw[:, 5].clamp(-4, 4)
        )
        return CubeEstimates(log_depth, floor)


def cube_estimate_losses(
    estimates: CubeEstimates, log_depth: Tensor, floor: Tensor, is_cube: Tensor, image_of: Tensor
) -> dict[str, Tensor]:
    """Absolute errors where N estimates are of cubes, the doubt of all, and the error of what each image's agree on.

    Args:
        log_depth: (N,) log of the true median depths [m].
        floor: (N, 4) true normal and height [m] of the floor under each.
        is_cube: (N,) bool; what is no cube teaches doubt alone: that nothing can be read from it.
        image_of: (N,) which image each is of.
    """
    tilt, height = estimate_errors(estimates.floor, floor[:, :3], floor[:, 3].log())
    depth = (estimates.log_depth - log_depth).abs()
    fuse = [_agreed_error(estimates.floor.select(here), floor[here][0]) for here in _with_cubes(is_cube, image_of)]
    return {
        "cube depth": 4 * depth[is_cube].mean(),
        "cube height": 2 * height[is_cube].mean(),
        "cube tilt": 2 * tilt[is_cube].mean(),
        "doubt": 0.1 * laplace_nll(tilt + height, estimates.floor.log_sigma),
        "fuse floor": 2 * torch.stack(fuse).mean(),
    }


def _with_cubes(is_cube: Tensor, image_of: Tensor) -> list[Tensor]:
    """The objects (N,) bool of each image that shows a cube."""
    return [image_of == image for image in sorted(set(image_of[is_cube].tolist()))]


def _agreed_error(readings: GroundPlaneEstimates, floor: Tensor) -> Tensor:
    normal, log_height = readings.fuse()
    error: Tensor = (normal - floor[:3]).norm() + (log_height - floor[3].log()).abs()
    return error
