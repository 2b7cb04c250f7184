"""Colour images: every encoding gives the same picture, and malformed images are refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import cv2
from sensor_msgs.msg import CompressedImage, Image
from stand_ins import compressed, header, image, picture

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.conversions.images import image_message

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
ALPHA = np.full((6, 8, 1), 9, dtype=np.uint8)
BGR, RGBA = RGB[..., ::-1], np.concatenate([RGB, ALPHA], axis=2)
BGRA, GREY = np.concatenate([BGR, ALPHA], axis=2), RGB[..., 0]
SMOOTH = cv2.GaussianBlur(cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_CUBIC), (9, 9), 3)

COLOURS = {"rgb": RGB, "bgr": BGR, "rgba": RGBA, "bgra": BGRA}
SAME = [
    *((f"{name}8", pixels) for name, pixels in COLOURS.items()),
    *((f"{name}16", pixels.astype(np.uint16) * 257) for name, pixels in COLOURS.items()),
    ("8UC3", RGB),
    ("8UC4", RGBA),
    ("16UC3", RGB.astype(np.uint16) * 257),
    ("16UC4", RGBA.astype(np.uint16) * 257),
]


@pytest.mark.parametrize(("encoding", "pixels"), SAME, ids=[name for name, _ in SAME])
@pytest.mark.parametrize("padding", [0, 3], ids=["tight", "padded"])
@pytest.mark.parametrize("big_endian", [False, True], ids=["little", "big"])
def test_every_colour_encoding_gives_the_same_picture(
    encoding: str, pixels: np.ndarray, padding: int, big_endian: bool
) -> None:
    assert np.array_equal(rgb_of(padded(message_of(pixels, encoding, big_endian), padding)), RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "mono16", "16UC1"])
@pytest.mark.parametrize("big_endian", [False, True], ids=["little", "big"])
def test_mono_image_gives_three_equal_channels(encoding: str, big_endian: bool) -> None:
    pixels = GREY.astype(np.uint16) * 257 if "16" in encoding else GREY
    message = message_of(pixels, encoding, big_endian)
    assert np.array_equal(rgb_of(message), np.stack([GREY] * 3, axis=2))


@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("padding", [0, 3], ids=["tight", "padded"])
def test_bayer_image_gives_back_the_colours(order: str, bits: int, padding: int) -> None:
    mosaic = np.empty(SMOOTH.shape[:2], dtype=np.uint8)
    for place, colour in enumerate(order):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = SMOOTH[row::2, column::2, "rgb".index(colour)]
    pixels = mosaic.astype(np.uint16) * 257 if bits == 16 else mosaic
    found = rgb_of(padded(image_message(header(), pixels, f"bayer_{order}{bits}"), padding))
    error = np.abs(found.astype(int) - SMOOTH)[2:-2, 2:-2]
    assert error.mean() < 4, "interpolation costs a little; swapped colours cost a lot"


@pytest.mark.parametrize(("encoding", "luma_first"), [("yuv422", 0), ("uyvy", 0), ("yuv422_yuy2", 1), ("yuyv", 1)])
@pytest.mark.parametrize("padding", [0, 3], ids=["tight", "padded"])
def test_yuv422_image_gives_back_the_picture(encoding: str, luma_first: int, padding: int) -> None:
    luma, blue, red = np.moveaxis(np.round(yuv_of(SMOOTH)).astype(np.uint8), 2, 0)
    packed = np.empty((*luma.shape, 2), dtype=np.uint8)
    packed[..., 1 - luma_first] = luma
    packed[:, 0::2, luma_first] = blue[:, 0::2]
    packed[:, 1::2, luma_first] = red[:, 0::2]
    found = rgb_of(padded(image_message(header(), packed, encoding), padding))
    assert np.abs(found.astype(int) - SMOOTH).mean() < 5


def yuv_of(rgb: np.ndarray) -> np.ndarray:
    """Y (16..235), Cb, Cr (16..240) of ITU-R BT.601."""
    weights = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
    return np.array([16, 128, 128]) + rgb.astype(float) @ weights.T


@pytest.mark.parametrize(("suffix", "most_error"), [(".png", 0), (".jpg", 4)])
def test_compressed_image_gives_back_the_picture(suffix: str, most_error: float) -> None:
    message = compressed(SMOOTH, suffix)
    error = np.abs(rgb_of(message).astype(int) - SMOOTH)
    assert error.mean() <= most_error


def test_compressed_mono16_image_is_converted() -> None:
    message = compressed(SMOOTH[..., 0].astype(np.uint16) * 257, ".png")
    assert np.array_equal(rgb_of(message)[..., 2], SMOOTH[..., 0])


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + b"\0" * 50])
def test_invalid_compressed_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=f"expected a JPEG or PNG image, got {len(data)} bytes of 'jpeg'"):
        rgb_of(CompressedImage(format="jpeg", data=data))


@pytest.mark.parametrize("message", [image(), None], ids=["raw", "compressed"])
def test_flipped_image_starts_with_its_last_row(message: Image | None) -> None:
    assert np.array_equal(rgb_of(message or compressed(picture(), ".png"), flip_vertical=True), picture()[::-1])


@pytest.mark.parametrize("width", [1, 3])
def test_yuv422_image_of_odd_width_is_refused(width: int) -> None:
    with pytest.raises(ImageError, match=f"expected an image that can be yuv422, got {width} x 2 px"):
        rgb_of(image_message(header(), np.zeros((2, width, 2), dtype=np.uint8), "yuv422"))


def test_rgb8_image_is_not_copied() -> None:
    message = image()
    assert np.shares_memory(rgb_of(message), np.frombuffer(message.data, dtype=np.uint8))


def test_image_of_one_pixel_is_converted() -> None:
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
def test_malformed_image_is_refused_with_the_reason(change: dict[str, object], said: str) -> None:
    message = image()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError, match=said):
        rgb_of(message)


def message_of(pixels: np.ndarray, encoding: str, big_endian: bool) -> Image:
    ordered = pixels.astype(pixels.dtype.newbyteorder(">")) if big_endian else pixels
    message = image_message(header(), ordered, encoding)
    message.is_bigendian = int(big_endian)
    return message


def padded(message: Image, padding: int) -> Image:
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    wide = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return Image(
        header=message.header,
        height=message.height,
        width=message.width,
        encoding=message.encoding,
        is_bigendian=message.is_bigendian,
        step=message.step + padding,
        data=wide.tobytes(),
    )
