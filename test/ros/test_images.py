"""Depth and instance images: conversion to messages and back loses nothing, and other encodings are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import torch
from stand_ins import header, image

from unity_depth_perception.core.errors import ConfigurationError, ImageError
from unity_depth_perception.dataset.messages.images import INSTANCE_ENCODINGS, single_channel_of
from unity_depth_perception.ros.conversions.images import depth_message, image_message, instance_message


def test_depth_in_metres_is_unchanged_by_conversion() -> None:
    depth_m = torch.tensor([[1.5, math.nan], [math.inf, 0.25]])
    message = depth_message(header(7), depth_m, "32FC1")
    assert (message.encoding, message.step, message.header) == ("32FC1", 8, header(7))
    assert np.array_equal(single_channel_of(message), depth_m.numpy(), equal_nan=True)


def test_invalid_depth_is_zero_in_millimetres() -> None:
    message = depth_message(header(), torch.tensor([[1.5, math.nan, math.inf, 70.0, 65.535]]), "16UC1")
    assert single_channel_of(message).tolist() == [[1500, 0, 0, 0, 65535]]


def test_unknown_depth_encoding_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected a depth encoding of 32FC1, 16UC1; got 'mono16'"):
        depth_message(header(), torch.ones(1, 1), "mono16")


def test_big_endian_millimetres_are_read() -> None:
    message = image_message(header(), np.array([[258, 1]], dtype=">u2"), "16UC1")
    message.is_bigendian = 1
    assert single_channel_of(message).tolist() == [[258, 1]]


def test_colour_image_is_refused_as_depth() -> None:
    with pytest.raises(ImageError, match="expected an encoding of 32FC1, 16UC1, mono16; got 'rgb8'"):
        single_channel_of(image())


def test_instances_above_255_are_unchanged_by_conversion() -> None:
    message = instance_message(header(), torch.tensor([[0, 1, 300]], dtype=torch.int32))
    assert single_channel_of(message).tolist() == [[0, 1, 300]]


@pytest.mark.parametrize(("encoding", "dtype"), [("8UC1", np.uint8), ("mono8", np.uint8), ("32SC1", np.int32)])
def test_instance_images_of_8_and_32_bits_are_read(encoding: str, dtype: type[np.generic]) -> None:
    pixels = np.array([[0, 1, 200]], dtype=dtype)
    message = image_message(header(), pixels, encoding)
    assert single_channel_of(message, INSTANCE_ENCODINGS).tolist() == [[0, 1, 200]]
    with pytest.raises(ImageError, match="expected an encoding of 32FC1, 16UC1, mono16"):
        single_channel_of(message)
