"""The cube scale network: its estimates follow the camera's geometry, whatever its weights."""

import math

import pytest
import torch

from unity_depth_perception.models.compact.cube_scale import CubeScaleNetwork
from unity_depth_perception.models.compact.object_crops import CROP_PX, MASK_PX, Crops, crop_objects, crop_rays

UNKNOWN = torch.zeros(3)
"""Unknown direction of gravity."""


def whole(image: torch.Tensor, boxes: torch.Tensor) -> Crops:
    """Objects whose masks fill their boxes."""
    return crop_objects(image, boxes, torch.ones(len(boxes), MASK_PX, MASK_PX))


def test_crop_rays_are_those_of_the_image_s_pixels() -> None:
    """A crop of CROP_PX pixels has one ray per pixel: that of the pixel itself."""
    left, top, fx, cx, cy = 10, 20, 100.0, 31.5, 23.5
    center = torch.tensor([[left + CROP_PX / 2, top + CROP_PX / 2]])
    crops = Crops(torch.zeros(1, 4, CROP_PX, CROP_PX), center, torch.tensor([float(CROP_PX)]), torch.zeros(1))
    rays = crop_rays(crops, torch.tensor([[fx, fx, cx, cy]]))
    pixels = torch.arange(CROP_PX)
    assert torch.allclose(rays[0, 0, 0], (left + pixels - cx) / fx, atol=1e-6)
    assert torch.allclose(rays[0, 1, :, 0], (top + pixels - cy) / fx, atol=1e-6)


def test_depth_is_inverse_to_the_apparent_size() -> None:
    """The same crop in the middle, seen through a lens of twice the focal length, is twice as far away."""
    network = CubeScaleNetwork().eval()
    for parameter in network.head.parameters():
        torch.nn.init.zeros_(parameter)
    image, boxes = torch.rand(1, 3, 96, 96), torch.tensor([[0.0, 33.0, 35.5, 63.0, 60.5]])
    with torch.inference_mode():
        near, far = (
            network(whole(image, boxes), torch.tensor([[f, f, 47.5, 47.5]]), UNKNOWN[None]) for f in (100.0, 200.0)
        )
    assert (far.log_depth - near.log_depth).item() == pytest.approx(math.log(2), abs=1e-5)
    lower_m = [  # from the cube's centre to its foot: the cube's size is always the same
        estimates.floor.log_height.exp() - estimates.log_depth.exp() * estimates.floor.normal[:, 2]
        for estimates in (near, far)
    ]
    assert lower_m[0].item() == pytest.approx(lower_m[1].item(), rel=1e-4)
    assert lower_m[0] > 0


def test_known_gravity_is_the_normal_and_leaves_the_depth_unchanged() -> None:
    torch.manual_seed(0)
    network = CubeScaleNetwork().eval()
    crops = whole(torch.rand(1, 3, 96, 96), torch.tensor([[0.0, 30.0, 30.0, 60.0, 55.0]]))
    intrinsics = torch.tensor([[100.0, 100.0, 47.5, 47.5]])
    ray = torch.tensor([(45 - 0.5 - 47.5) / 100, (42.5 - 0.5 - 47.5) / 100, 1.0])  # through the middle of the box
    with torch.inference_mode():
        unknown = network(crops, intrinsics, UNKNOWN[None])
        for down in ([0.0, 0.6, 0.8], [0.1, 0.8, 0.5]):
            known = torch.nn.functional.normalize(torch.tensor(down), dim=0)
            estimates = network(crops, intrinsics, known[None])
            assert torch.equal(estimates.floor.normal[0], known)
            # the embedding of gravity is zero before training
            assert estimates.log_depth.item() == pytest.approx(unknown.log_depth.item(), abs=1e-6)
            below = [
                (of.floor.log_height - of.log_depth).exp() - of.floor.normal[0] @ ray for of in (estimates, unknown)
            ]
            assert below[0].item() == pytest.approx(below[1].item(), rel=1e-4)  # from its centre to its foot


def test_estimates_do_not_depend_on_the_image_size() -> None:
    torch.manual_seed(0)
    network = CubeScaleNetwork().eval()
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12), size=(192, 192), mode="bicubic").clamp(0, 1)
    boxes, intrinsics = torch.tensor([[0.0, 60.0, 60.0, 120.0, 110.0]]), torch.tensor([[200.0, 200.0, 95.5, 95.5]])
    large = torch.nn.functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    twice = torch.tensor([[1.0, 2, 2, 2, 2]])
    with torch.inference_mode():
        first = network(whole(image, boxes), intrinsics, UNKNOWN[None])
        second = network(whole(large, boxes * twice), torch.tensor([[400.0, 400.0, 191.5, 191.5]]), UNKNOWN[None])
    assert torch.allclose(first.floor.log_height, second.floor.log_height, atol=5e-3)
    assert torch.allclose(first.floor.normal, second.floor.normal, atol=5e-3)


def test_attention_is_between_objects_of_one_image_only() -> None:
    torch.manual_seed(0)
    network = CubeScaleNetwork().eval()
    image = torch.rand(2, 3, 64, 64)
    boxes = torch.tensor([[0.0, 5, 5, 30, 25], [0, 30, 30, 60, 55], [1, 20, 10, 50, 40]])
    intrinsics = torch.tensor([[100.0, 100.0, 31.5, 31.5]]).repeat(3, 1)
    with torch.inference_mode():
        estimates = network(whole(image, boxes), intrinsics, UNKNOWN.expand(3, 3)).floor
        second, third = (network(whole(image, boxes[[i]]), intrinsics[[i]], UNKNOWN[None]).floor for i in (1, 2))
    assert torch.allclose(estimates.normal[2], third.normal[0], atol=1e-5)
    assert not torch.allclose(estimates.normal[1], second.normal[0], atol=1e-5)


def test_no_objects_give_no_estimates() -> None:
    with torch.inference_mode():
        crops = whole(torch.rand(1, 3, 64, 64), torch.zeros(0, 5))
        estimates = CubeScaleNetwork().eval()(crops, torch.zeros(0, 4), torch.zeros(0, 3))
    assert estimates.floor.normal.shape == (0, 3)
    assert estimates.log_depth.shape == (0,)
