"""Resizing and normalising on the device, beside OpenCV and Pillow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.models.runtime import preprocessing
from unity_depth_perception.models.runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD


def noise(width: int, height: int) -> np.ndarray:
    """An image of all frequencies: the hardest to agree on."""
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def steps_apart(result: torch.Tensor, expected: np.ndarray) -> int:
    """The largest difference of two uint8 images, in steps of 1/255."""
    assert result.dtype == torch.uint8
    assert result.shape == expected.shape
    return int(np.abs(result.numpy().astype(int) - expected.astype(int)).max())


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((256, 256), (126, 126)),
        ((320, 240), (126, 95)),
        ((84, 168), (28, 168)),
        ((700, 9), (50, 3)),
        ((40, 40), (1, 1)),
    ],
    ids=["square", "wide", "third", "strip", "pixel"],
)
def test_area_is_opencv_s(source: tuple[int, int], target: tuple[int, int]) -> None:
    image = noise(*source)
    expected = cv2.resize(image, target, interpolation=cv2.INTER_AREA).reshape(target[1], target[0], 3)
    assert steps_apart(preprocessing.resize_area(torch.from_numpy(image), *target), expected) <= 1


@pytest.mark.parametrize("target", [(140, 98), (61, 60), (60, 45)], ids=["enlarged", "one more", "same"])
def test_cubic_is_opencv_s(target: tuple[int, int]) -> None:
    image = noise(60, 45)
    expected = cv2.resize(image, target, interpolation=cv2.INTER_CUBIC)
    assert steps_apart(preprocessing.resize_cubic(torch.from_numpy(image), *target), expected) <= 1


@pytest.mark.parametrize("target", [(140, 98), (28, 21), (60, 30), (13, 90)], ids=["larger", "smaller", "flat", "tall"])
def test_bicubic_is_pillow_s(target: tuple[int, int]) -> None:
    image = noise(60, 45)
    expected = np.asarray(Image.fromarray(image).resize(target, Image.Resampling.BICUBIC))
    assert steps_apart(preprocessing.resize_bicubic(torch.from_numpy(image), *target), expected) <= 1


def test_uniform_colour_is_kept() -> None:
    image = torch.full((77, 130, 3), 201, dtype=torch.uint8)
    for resize in (preprocessing.resize_area, preprocessing.resize_cubic, preprocessing.resize_bicubic):
        assert (resize(image, 42, 28) == 201).all()


def test_normalised_is_zero_mean_and_unit_variance_over_imagenet() -> None:
    image = torch.from_numpy(noise(20, 10))
    expected = (image.permute(2, 0, 1) / 255 - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
        :, None, None
    ]
    planes = preprocessing.normalize_imagenet(image)
    assert planes.shape == (1, 3, 10, 20)
    torch.testing.assert_close(planes[0], expected, rtol=0, atol=1e-5)
    assert preprocessing.normalize_imagenet(image, torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize(("length", "expected"), [(504, 504), (284, 280), (378, 378), (287, 294), (3, 14), (1, 14)])
def test_nearest_multiple(length: int, expected: int) -> None:
    assert preprocessing.nearest_multiple(length, 14) == expected


def test_other_arrays_and_larger_sizes_are_refused() -> None:
    with pytest.raises(ImageError, match=r"\(H, W, 3\) uint8.*float32"):
        preprocessing.resize_area(torch.zeros(8, 8, 3), 4, 4)
    with pytest.raises(ImageError, match=r"at most 8 px.*got 9"):
        preprocessing.resize_area(torch.zeros(8, 8, 3, dtype=torch.uint8), 9, 4)
