"""Image messages: every encoding gives the same picture, and what cannot be read is named."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import torch
from sensor_msgs.msg import Image
from stand_ins import header, image, picture

from unity_depth_perception.core.errors import ConfigurationError, ImageError
from unity_depth_perception.ros.images import depth_message, image_message, instance_message, rgb_of, single_channel_of

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = np.full((5, 7, 1), 9, dtype=np.uint8)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("8UC3", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", np.concatenate([RGB, ALPHA], axis=2)),
        ("8UC4", np.concatenate([RGB, ALPHA], axis=2)),
        ("bgra8", np.concatenate([RGB[..., ::-1], ALPHA], axis=2)),
    ],
)
@pytest.mark.parametrize("padding", [0, 3], ids=["tight", "padded"])
def test_every_colour_encoding_gives_the_same_picture(encoding: str, pixels: np.ndarray, padding: int) -> None:
    assert np.array_equal(rgb_of(padded(image_message(header(), pixels, encoding), padding)), RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_has_three_equal_channels(encoding: str) -> None:
    grey = RGB[..., 0]
    assert np.array_equal(rgb_of(image_message(header(), grey, encoding)), np.stack([grey] * 3, axis=2))


def test_rgb8_is_not_copied() -> None:
    message = image()
    assert np.shares_memory(rgb_of(message), np.frombuffer(message.data, dtype=np.uint8))


def test_one_pixel_is_an_image() -> None:
    assert rgb_of(image_message(header(), RGB[:1, :1], "rgb8")).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": b"\0" * 100}, "expected 9216 bytes .*got 100"),
        ({"data": b""}, "expected 9216 bytes .*got 0"),
        ({"data": b"\0" * 9217}, "expected 9216 bytes .*got 9217"),
        ({"step": 191}, "step of at least 192 bytes .*got 191"),
        ({"step": 0}, "step of at least 192 bytes .*got 0"),
        ({"encoding": "32FC7"}, "expected an encoding of rgb8, .*got '32FC7'"),
        ({"encoding": ""}, "expected an encoding of rgb8, .*got ''"),
        ({"width": 0}, "at least 1 x 1 px, got 0 x 48"),
        ({"height": 0}, "at least 1 x 1 px, got 64 x 0"),
        ({"width": 2**32 - 1}, "step of at least"),
        ({"height": 2**32 - 1}, "expected .* bytes"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_broken_image_is_refused_with_the_reason(change: dict[str, object], said: str) -> None:
    message = image()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError, match=said):
        rgb_of(message)


def test_depth_in_metres_comes_back_bit_by_bit() -> None:
    depth_m = torch.tensor([[1.5, math.nan], [math.inf, 0.25]])
    message = depth_message(header(7), depth_m, "32FC1")
    assert (message.encoding, message.step, message.header) == ("32FC1", 8, header(7))
    assert np.array_equal(single_channel_of(message), depth_m.numpy(), equal_nan=True)


def test_depth_in_millimetres_has_zero_where_there_is_none() -> None:
    message = depth_message(header(), torch.tensor([[1.5, math.nan, math.inf, 70.0, 65.535]]), "16UC1")
    assert single_channel_of(message).tolist() == [[1500, 0, 0, 0, 65535]]


def test_another_depth_encoding_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected a depth encoding of 32FC1, 16UC1; got 'mono16'"):
        depth_message(header(), torch.ones(1, 1), "mono16")


def test_big_endian_millimetres_are_read() -> None:
    message = image_message(header(), np.array([[258, 1]], dtype=">u2"), "16UC1")
    message.is_bigendian = 1
    assert single_channel_of(message).tolist() == [[258, 1]]


def test_a_colour_image_is_no_depth() -> None:
    with pytest.raises(ImageError, match="expected an encoding of 32FC1, 16UC1, mono16; got 'rgb8'"):
        single_channel_of(image())


def test_instances_beyond_eight_bits_survive() -> None:
    message = instance_message(header(), torch.tensor([[0, 1, 300]], dtype=torch.int32))
    assert single_channel_of(message).tolist() == [[0, 1, 300]]


def test_the_picture_of_the_other_tests_survives() -> None:
    assert np.array_equal(rgb_of(image()), picture())


def padded(message: Image, padding: int) -> Image:
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    wide = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return Image(
        header=message.header,
        height=message.height,
        width=message.width,
        encoding=message.encoding,
        step=message.step + padding,
        data=wide.tobytes(),
    )
