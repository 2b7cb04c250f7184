"""Sharpened masks follow the image's contours; the guided filter is what its authors define."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.models.mask_rcnn.guided_filter import guided_filter
from unity_depth_perception.models.mask_rcnn.paste_masks import paste_masks
from unity_depth_perception.models.mask_rcnn.sharpen_masks import SHARP_PX, sharpen_masks


def rotated_square(side: int = 160) -> tuple[Tensor, Tensor]:
    """An image (H, W, 3) uint8 of a noisy, shaded square that stands on a corner, and its mask (H, W)."""
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(side) - 79.5, torch.arange(side) - 79.5, indexing="ij")
    inside = x.abs() + y.abs() < 55
    colour = torch.where(inside[..., None], torch.tensor([150.0, 60, 50]), torch.tensor([120.0, 125, 130]))
    colour = colour + 15 * (x > 0)[..., None] * inside[..., None] + 4 * torch.randn(side, side, 3)
    return colour.clamp(0, 255).to(torch.uint8), inside


def overlap(a: Tensor, b: Tensor) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_wobbly_mask_gets_the_corners_of_the_object() -> None:
    image, true = rotated_square()
    box = torch.tensor([[24.0, 24.0, 136.0, 136.0]])
    x = (torch.arange(28) + 0.5) / 14 - 1
    wobbly = (0.85 - (x[:, None] ** 2 + x**2).sqrt()).mul(9).sigmoid()[None]  # a disc, as of a blunt mask head
    before, _ = paste_masks(wobbly, box, (160, 160), 160, 160)
    masks, boxes = sharpen_masks(image, wobbly, box, (160, 160), torch.ones(1))
    after, _ = paste_masks(masks, boxes, (160, 160), 160, 160)
    assert masks.shape == (1, SHARP_PX, SHARP_PX)
    assert 0 <= masks.min() <= masks.max() <= 1
    assert overlap(before > 0, true) < 0.9
    assert overlap(after > 0, true) > 0.97


@pytest.mark.parametrize("larger", [1, 2])
def test_masks_of_low_score_are_enlarged_where_they_are(larger: int) -> None:
    """Unsharpened, a mask covers the pixels that it covered, whatever the size of the image."""
    box = torch.tensor([[30.0, 20.0, 70.0, 50.0]])
    x = (torch.arange(28) + 0.5) / 14 - 1
    disc = (0.7 - (x[:, None] ** 2 + x**2).sqrt()).mul(8).sigmoid()[None]
    image = torch.zeros(64 * larger, 96 * larger, 3, dtype=torch.uint8)
    masks, boxes = sharpen_masks(image, disc, box, (64, 96), torch.zeros(1))
    before, _ = paste_masks(disc, box, (64, 96), 64 * larger, 96 * larger)
    after, _ = paste_masks(masks, boxes, (64, 96), 64 * larger, 96 * larger)
    assert overlap(before > 0, after > 0) > 0.97


def test_a_mask_does_not_depend_on_where_the_object_is_in_the_image() -> None:
    image, true = rotated_square()
    box = torch.tensor([[24.0, 24.0, 136.0, 136.0]])
    soft = functional.interpolate(true[None, None].float(), size=(28, 28), mode="area")[0]
    masks, windows = sharpen_masks(image, soft, box, (160, 160), torch.ones(1))
    framed = torch.randint(0, 256, (240, 300, 3), dtype=torch.uint8)
    framed[60:220, 90:250] = image
    offset = torch.tensor([90.0, 60.0, 90.0, 60.0])
    moved, moved_windows = sharpen_masks(framed, soft, box + offset, (240, 300), torch.ones(1))
    assert torch.allclose(moved_windows, windows + offset)
    assert torch.allclose(moved, masks, atol=2e-3)


def test_no_objects_stay_no_objects() -> None:
    image = torch.zeros(32, 32, 3, dtype=torch.uint8)
    masks, boxes = sharpen_masks(image, torch.zeros(0, 28, 28), torch.zeros(0, 4), (32, 32), torch.zeros(0))
    assert (masks.shape, boxes.shape) == ((0, SHARP_PX, SHARP_PX), (0, 4))


def test_the_filter_is_the_local_regression_of_its_definition() -> None:
    """He et al., equations 14 to 16, by a loop over windows."""
    torch.manual_seed(1)
    image, values, radius, epsilon = torch.rand(1, 3, 9, 8), torch.rand(1, 9, 8), 2, 0.01
    total, count = torch.zeros(9, 8), torch.zeros(9, 8)
    for y in range(9):
        for x in range(8):
            rows, columns = slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)
            colours, v = image[0, :, rows, columns].flatten(1), values[0, rows, columns].flatten()
            mean, value = colours.mean(dim=1), v.mean()
            centred = colours - mean[:, None]
            covariance = centred @ centred.T / colours.shape[1] + epsilon * torch.eye(3)
            slope = torch.linalg.solve(covariance, centred @ (v - value) / colours.shape[1])
            total[rows, columns] += (slope @ image[0, :, rows, columns].flatten(1) + value - slope @ mean).view(
                total[rows, columns].shape
            )
            count[rows, columns] += 1
    assert torch.allclose(guided_filter(image, values, radius, epsilon)[0], total / count, atol=1e-4)


def test_the_fast_filter_is_nearly_the_exact_one_on_smooth_images() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 3, 64), indexing="ij")
    image = torch.stack([torch.sin(x), torch.cos(y), torch.sin(x + y)])[None] * 0.5 + 0.5
    values = functional.interpolate(torch.rand(1, 1, 8, 8), size=(64, 64), mode="bilinear")[:, 0]
    exact, fast = guided_filter(image, values, 8, 0.01), guided_filter(image, values, 4, 0.01, reduction=2)
    assert (exact - fast).abs().max() < 0.05
