"""The yardstick: what it says must follow the camera's geometry, whatever it has learnt."""

import math

import pytest
import torch

from unity_depth_perception.models.crops import CROP_PX
from unity_depth_perception.models.yardstick import Sightings, YardstickNetwork, _crop_rays


def sighting(log_height: float, normal: tuple[float, float, float], log_error: float) -> Sightings:
    return Sightings(torch.zeros(1), torch.tensor([log_height]), torch.tensor([normal]), torch.tensor([log_error]))


def together(*sightings: Sightings) -> Sightings:
    return Sightings(
        *(
            torch.cat([getattr(s, name) for s in sightings])
            for name in ("log_depth", "log_height", "floor_normal", "log_error")
        )
    )


def test_crop_rays_are_those_of_the_pixels_that_they_are_cut_from() -> None:
    """A crop of CROP_PX pixels has one ray per pixel: that of the pixel itself."""
    left, top, fx, cx, cy = 10, 20, 100.0, 31.5, 23.5
    center = torch.tensor([[left + CROP_PX / 2, top + CROP_PX / 2]])
    rays = _crop_rays(center, torch.tensor([float(CROP_PX)]), torch.tensor([[fx, fx, cx, cy]]))
    pixels = torch.arange(CROP_PX)
    assert torch.allclose(rays[0, 0, 0], (left + pixels - cx) / fx, atol=1e-6)
    assert torch.allclose(rays[0, 1, :, 0], (top + pixels - cy) / fx, atol=1e-6)


def test_metres_are_inverse_to_the_apparent_size() -> None:
    """The same crop seen through a lens of twice the focal length is twice as far away."""
    network = YardstickNetwork().eval()
    for parameter in network.head.parameters():
        torch.nn.init.zeros_(parameter)
    image, boxes = torch.rand(1, 3, 96, 96), torch.tensor([[0.0, 30.0, 30.0, 60.0, 55.0]])
    with torch.inference_mode():
        near, far = (network(image, boxes, torch.tensor([[f, f, 47.5, 47.5]])) for f in (100.0, 200.0))
    assert (far.log_depth - near.log_depth).item() == pytest.approx(math.log(2), abs=1e-5)
    assert (far.log_height - near.log_height).item() == pytest.approx(math.log(2), abs=1e-5)


def test_an_image_at_twice_the_size_with_its_camera_says_the_same() -> None:
    torch.manual_seed(0)
    network = YardstickNetwork().eval()
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12), size=(192, 192), mode="bicubic").clamp(0, 1)
    boxes, intrinsics = torch.tensor([[0.0, 60.0, 60.0, 120.0, 110.0]]), torch.tensor([[200.0, 200.0, 95.5, 95.5]])
    large = torch.nn.functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    twice = torch.tensor([[1.0, 2, 2, 2, 2]])
    with torch.inference_mode():
        first = network(image, boxes, intrinsics)
        second = network(large, boxes * twice, torch.tensor([[400.0, 400.0, 191.5, 191.5]]))
    assert torch.allclose(first.log_height, second.log_height, atol=5e-3)
    assert torch.allclose(first.floor_normal, second.floor_normal, atol=5e-3)


def test_the_surer_cube_counts_more() -> None:
    sure, doubtful = sighting(0.0, (0.0, 1.0, 0.0), -1.0), sighting(1.0, (0.0, 0.0, 1.0), -0.5)
    normal, log_height = together(sure, doubtful).agreed()
    assert log_height.item() == pytest.approx(1 / (1 + math.exp(3)), abs=1e-4)
    assert normal.norm().item() == pytest.approx(1)
    assert normal[1] > 0.99
    normal, log_height = together(sure, sure).agreed()
    assert log_height.item() == 0
    assert normal.tolist() == [0, 1, 0]
