"""Colour images: every encoding gives the same picture, and malformed images are refused with the reason."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import cv2
from sensor_msgs.msg import CompressedImage, Image
from stand_ins import compressed, header, image, picture

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.dataset.messages.color_images import _LAYOUTS
from unity_depth_perception.ros.conversions import color_images
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


def transported(format_name: str, array: np.ndarray) -> CompressedImage:
    """What compressed_image_transport sends for an OpenCV array: it compresses it as if it were BGR."""
    suffix = ".png" if "png" in format_name else ".jpg"
    return CompressedImage(header=header(), format=format_name, data=cv2.imencode(suffix, array)[1].tobytes())


BGR_FILE, RGB_FILE = SMOOTH[..., ::-1], SMOOTH


@pytest.mark.parametrize(
    ("format_name", "array"),
    [
        ("rgb8; jpeg compressed bgr8", BGR_FILE),
        ("bgr8; jpeg compressed bgr8", BGR_FILE),
        ("rgba8; jpeg compressed bgr8", BGR_FILE),
        ("bgra8; png compressed bgr8", BGR_FILE),
        ("rgb16; png compressed bgr16", BGR_FILE),
        ("bayer_rggb8; jpeg compressed bgr8", BGR_FILE),
        ("rgb8; jpeg compressed rgb8", RGB_FILE),
        ("bgr8; jpeg compressed rgb8", RGB_FILE),
        ("rgb8; png compressed rgb8", RGB_FILE),
        ("rgb16; png compressed rgb16", RGB_FILE),
        ("rgb8;jpeg compressed rgb8", RGB_FILE),
        ("rgb8; jpeg compressed ", RGB_FILE),
        ("jpeg", BGR_FILE),
        ("png", BGR_FILE),
        ("", BGR_FILE),
        ("jpg; something of a driver's own", BGR_FILE),
    ],
)
def test_colour_order_of_a_compressed_image_follows_image_transport(format_name: str, array: np.ndarray) -> None:
    found = rgb_of(transported(format_name, array))
    assert np.abs(found.astype(int) - SMOOTH).mean() < 4


def test_grey_image_of_image_transport_is_taken() -> None:
    found = rgb_of(transported("mono8; jpeg compressed ", SMOOTH[..., 0]))
    assert np.abs(found.astype(int) - SMOOTH[..., :1]).mean() < 4


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_base64_text_is_named(suffix: str) -> None:
    data = base64.b64encode(cv2.imencode(suffix, SMOOTH)[1].tobytes())
    what = {".jpg": "JPEG", ".png": "PNG"}[suffix]
    with pytest.raises(ImageError, match=f"base64 text of a {what}"):
        rgb_of(CompressedImage(format="jpeg", data=data))
    with pytest.raises(ImageError, match="base64 text"):
        rgb_of(CompressedImage(format="jpeg", data=b"data:image/jpeg;base64," + data))


def test_compressed_depth_is_named() -> None:
    with pytest.raises(ImageError, match="that is a depth image"):
        rgb_of(CompressedImage(format="16UC1; compressedDepth png", data=b"\x89PNG"))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A PNG file that claims a size, with no pixels behind it."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "got an empty file"),
        (b"no image", "8 bytes that are no image"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "JPEG"),
        (b"GIF89a" + b"\0" * 50, "a GIF"),
        (png(40000, 40000), "at most 64 million pixels, got 40000 x 40000"),
        (png(8, 8, png_chunk(b"acTL", struct.pack(">II", 2, 0))), "animated PNG"),
    ],
    ids=["empty", "text", "signature", "headless JPEG", "GIF", "huge PNG", "animated PNG"],
)
def test_invalid_compressed_image_is_refused_before_it_is_decoded(data: bytes, text: str) -> None:
    """A damaged animated PNG ends OpenCV 4.11 with SIGSEGV, and a huge one takes gigabytes."""
    with pytest.raises(ImageError, match=text):
        rgb_of(CompressedImage(format="jpeg", data=data))


def test_limit_of_pixels_can_be_set() -> None:
    message = compressed(picture(), ".png")
    assert rgb_of(message, max_pixels=picture().shape[0] * picture().shape[1]).shape == picture().shape
    with pytest.raises(ImageError, match="million pixels"):
        rgb_of(message, max_pixels=10)


@pytest.mark.parametrize("message", [image(), None], ids=["raw", "compressed"])
def test_flipped_image_starts_with_its_last_row(message: Image | None) -> None:
    assert np.array_equal(rgb_of(message or compressed(picture(), ".png"), flip_vertical=True), picture()[::-1])


@pytest.mark.parametrize("width", [1, 3])
def test_yuv422_image_of_odd_width_is_refused(width: int) -> None:
    with pytest.raises(ImageError, match=f"expected an even width, got {width} px"):
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
        ({"step": 0}, "step of at least 192 bytes .*got 0; step is the bytes of a row, width x 3 .ROS-TCP-Connector"),
        ({"step": 3}, "got 3; step is the bytes of a row, width x 3 .ROS-TCP-Connector before 0.7"),
        ({"encoding": "nv12"}, "got 'nv12' .YUV with chroma in a plane of its own.: publish it as rgb8"),
        ({"encoding": "nv21"}, "got 'nv21' .YUV with chroma in a plane of its own.: publish it as rgb8"),
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


# Conversion codes of cv_bridge to rgb8 (vision_opencv, cv_bridge.cpp), colours before depth.
BRIDGE_CODES = {
    "rgb": None,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
    "mono": cv2.COLOR_GRAY2RGB,
    "bayer_rggb": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg": cv2.COLOR_BayerGB2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
}
CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "yuv422": 2, "yuv422_yuy2": 2}
EIGHT, SIXTEEN = np.dtype(np.uint8), np.dtype(np.uint16)


class ReferenceBridge:
    """Plain reference of CvBridge.imgmsg_to_cv2 in NumPy and OpenCV, which records what goes through it."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def imgmsg_to_cv2(self, message: Image, desired: str) -> np.ndarray:
        assert desired == "rgb8"
        self.taken.append(message.encoding)
        name, dtype = message.encoding, EIGHT
        if name.endswith(("8", "16")):
            dtype = SIXTEEN if name.endswith("16") else EIGHT
            name = name.removesuffix("16").removesuffix("8")
        channels = CHANNELS.get(name, 1)
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        pixels = rows.view(dtype.newbyteorder(">" if message.is_bigendian else "<")).astype(dtype)
        pixels = pixels.reshape(message.height, message.width, channels)
        code = BRIDGE_CODES[name]
        pixels = pixels if code is None else cv2.cvtColor(pixels, code)
        return np.rint(pixels * (255 / 65535)).astype(np.uint8) if dtype == SIXTEEN else pixels


def any_image(encoding: str, padding: int, big_endian: bool) -> Image:
    layout = _LAYOUTS[encoding]
    generator = np.random.default_rng(len(encoding))
    shape = (6, 8, layout.channels) if layout.channels > 1 else (6, 8)
    pixels = generator.integers(0, np.iinfo(layout.dtype).max + 1, shape).astype(layout.dtype)
    return padded(message_of(pixels, encoding, big_endian), padding)


@pytest.mark.parametrize("encoding", _LAYOUTS)
@pytest.mark.parametrize("padding", [0, 4], ids=["tight", "padded"])
@pytest.mark.parametrize("big_endian", [False, True], ids=["little", "big"])
def test_both_paths_give_the_same_bytes(
    encoding: str, padding: int, big_endian: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, bridge = any_image(encoding, padding, big_endian), ReferenceBridge()
    monkeypatch.setattr(color_images, "cv_bridge", lambda: None)
    ours = rgb_of(message)
    monkeypatch.setattr(color_images, "cv_bridge", lambda: bridge)
    assert np.array_equal(rgb_of(message), ours)
    assert np.array_equal(rgb_of(message, flip_vertical=True), ours[::-1])
    assert bridge.taken == ([encoding] * 2 if encoding in color_images.BRIDGED and not padding else [])
    assert (ours.shape, ours.dtype) == ((6, 8, 3), np.uint8)


@pytest.mark.parametrize("encoding", color_images.BRIDGED)
@pytest.mark.parametrize("padding", [0, 4], ids=["tight", "padded"])
def test_cv_bridge_itself_gives_the_same_bytes(encoding: str, padding: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """cv_bridge alone would take the padding of a row for pixels."""
    pytest.importorskip("cv_bridge", reason="needs cv_bridge (a ROS installation)")
    message = any_image(encoding, padding, big_endian=False)
    assert color_images.cv_bridge() is not None
    bridged = rgb_of(message)
    monkeypatch.setattr(color_images, "cv_bridge", lambda: None)
    assert np.array_equal(bridged, rgb_of(message))


def test_malformed_image_does_not_reach_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    bridge, message = ReferenceBridge(), any_image("bgr8", 0, big_endian=False)
    monkeypatch.setattr(color_images, "cv_bridge", lambda: bridge)
    message.step = 3
    with pytest.raises(ImageError, match="step"):
        rgb_of(message)
    assert bridge.taken == []
