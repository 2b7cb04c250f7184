"""Guarded decoding of images that other programs wrote: the header is checked before OpenCV sees a byte.

JPEG, PNG, WebP (still ones) and uncompressed BMP are decoded, up to 64 million pixels. A PNG is reduced to the chunks
that its pixels need: OpenCV 4.11 crashes on damaged animated ones (github.com/opencv/opencv/issues/27744).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ImageError

MAX_PIXELS = 64_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_MAX_JPEG_SCANS = 100  # a progressive one of some thousand scans keeps a CPU busy for minutes
_GREY, _PALETTE = 0, 3  # colour types of a PNG
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a JPEG that hold its size
_QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_SIGNATURES = (  # offset, bytes, name
    (0, b"GIF8", "a GIF"),
    (4, b"ftypheic", "a HEIC photograph"),
    (4, b"ftypheix", "a HEIC photograph"),
    (4, b"ftypmif1", "a HEIC photograph"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyp", "a video (MP4 or MOV)"),
    (8, b"AVI ", "a video (AVI)"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (0, b"\x00\x00\x01\xba", "a video (MPEG)"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"version https://git-lfs", "a git-lfs pointer (git lfs pull fetches the image)"),
)


class ImageHeader(NamedTuple):
    """What the header of an image says.

    Attributes:
        kind: JPEG, PNG, WebP or BMP.
        width, height: stored size [px], before the EXIF orientation is applied.
        orientation: EXIF orientation 1..8; 1 is upright.
        channels: number of channels of a PNG, 1 for a palette; 0 if unknown.
        has_palette: whether the values of a PNG are indices of a palette.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    channels: int = 0
    has_palette: bool = False

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height [px] with the EXIF orientation applied, as `decode_image` gives it."""
        return (self.height, self.width) if self.orientation in _QUARTER_TURNS else (self.width, self.height)


def image_header(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Header of an encoded image.

    Raises:
        ImageError: it is no image that can be decoded safely, or has more than `max_pixels` pixels.
    """
    try:
        header = _header(data)
    except (struct.error, IndexError):
        raise ImageError(f"expected an image, but it ends after {len(data)} bytes: it is truncated") from None
    if header.width < 1 or header.height < 1:
        raise ImageError(f"expected an image of at least 1 x 1 px, got {header.width} x {header.height} px")
    if header.width * header.height > max_pixels:
        raise ImageError(
            f"expected an image of at most {max_pixels / 1e6:g} million pixels, got {header.width} x {header.height} px"
        )
    return header


def decode_image(data: bytes, flags: int = cv2.IMREAD_COLOR, max_pixels: int = MAX_PIXELS) -> NDArray[np.generic]:
    """Decode an image with OpenCV's flags; the EXIF orientation of a JPEG is applied unless they say otherwise.

    Raises:
        ImageError: see `image_header`; or the pixels are damaged.
    """
    header = image_header(data, max_pixels)
    checked = _without_extras(data) if header.kind == "PNG" else data
    try:
        image = cv2.imdecode(np.frombuffer(checked, dtype=np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise ImageError(f"expected a {header.kind} image, but OpenCV cannot decode it: {error}") from None
    if image is None:
        raise ImageError(f"expected a {header.kind} image, but OpenCV cannot decode it; is it truncated?")
    return np.asarray(image)


def decode_indices(data: bytes) -> NDArray[np.uint8]:
    """Indices (H, W) of a PNG with a palette, whose colours are ignored; raises as `decode_image`."""
    data = _without_extras(data)
    depth = data[24]
    grey = data[:25] + bytes([_GREY]) + data[26:29] + zlib.crc32(data[12:25] + bytes([_GREY]) + data[26:29]).to_bytes(4)
    chunks = [kept for kept in _png_pixels(grey + data[33:]) if kept[4:8] != b"PLTE"]
    pixels = np.asarray(decode_image(b"".join([_PNG, *chunks]), cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return pixels // np.uint8(255 // ((1 << depth) - 1))  # grey of few bits fills 0..255


def _header(data: bytes) -> ImageHeader:
    if data.startswith(_PNG):
        return _png_header(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_header(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_header(data)
    if data.startswith(b"BM"):
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        if compression or bits not in (24, 32) or len(data) < abs(width * height) * bits // 8:
            raise ImageError("expected an uncompressed 24-bit BMP; convert it to PNG")
        return ImageHeader("BMP", width, abs(height))
    raise ImageError(f"expected a JPEG or PNG image, got {content_name(data)}")


def content_name(data: bytes) -> str:
    """What a file holds by its first bytes, in words."""
    for offset, signature, name in _SIGNATURES:
        if data.startswith(signature, offset):
            return name
    if not data:
        return "an empty file"
    if data.lstrip()[:1] == b"<":
        return "an HTML or XML page"
    return f"{len(data)} bytes that are no image"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end (of the whole chunk) of each chunk, up to IEND."""
    start = len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            raise ImageError(f"expected a whole PNG, but it ends in its {kind.decode('ascii', 'replace')}: truncated")
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end


def _png_header(data: bytes) -> ImageHeader:
    length, kind, width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(
        ">I4sIIBBBBB", data, 8
    )
    channels = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}.get(colour)
    if kind != b"IHDR" or length != 13 or channels is None or depth not in (1, 2, 4, 8, 16):
        raise ImageError("expected a PNG that starts with its header: this one is damaged")
    if compression or filtering or interlace > 1 or (colour == _PALETTE and depth == 16):
        raise ImageError("expected a PNG with standard compression: this one is damaged")
    return ImageHeader("PNG", width, height, channels=channels, has_palette=colour == _PALETTE)


def _without_extras(data: bytes) -> bytes:
    """The PNG of the chunks that the pixels need; their checksums are right.

    Raises:
        ImageError: the PNG is animated or damaged.
    """
    try:
        return b"".join([_PNG, *_png_pixels(data)])
    except struct.error:
        raise ImageError(f"expected a whole PNG, but it ends after {len(data)} bytes: it is truncated") from None


def _png_pixels(data: bytes) -> Iterator[bytes]:
    for kind, start, end in _png_chunks(data):
        if kind in (b"acTL", b"fcTL", b"fdAT"):
            raise ImageError("expected a still image, got an animated PNG; save one of its frames")
        if kind in _PNG_CHUNKS:
            if zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise ImageError(f"expected a whole PNG, but the checksum of its {kind.decode()} is wrong: damaged")
            yield data[start:end]


def _jpeg_header(data: bytes) -> ImageHeader:
    if data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageError(f"expected a JPEG of at most {_MAX_JPEG_SCANS} scans; save it as a baseline JPEG")
    start, orientation = 2, 1
    while True:
        marker, length = struct.unpack_from(">xBH", data, start)
        if data[start] != 0xFF:
            raise ImageError("expected a JPEG, but its header is damaged")
        if marker == 0xFF:  # a fill byte
            start += 1
            continue
        if marker in _FRAMES:
            height, width, channels = struct.unpack_from(">HHB", data, start + 5)
            return ImageHeader("JPEG", width, height, orientation, channels)
        if marker == 0xE1 and data.startswith(b"Exif\0\0", start + 4):
            orientation = _exif_orientation(data[start + 10 : start + 2 + length])
        if marker in (0xD9, 0xDA) or length < 2:
            raise ImageError("expected a JPEG, but its header has no size: it is damaged")
        start += 2 + length


def _exif_orientation(tiff: bytes) -> int:
    """Orientation in a block of EXIF; 1 where there is none."""
    order = ">" if tiff.startswith(b"MM") else "<"
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for k in range(count):
            tag, value = struct.unpack_from(f"{order}H6xH", tiff, offset + 2 + 12 * k)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _webp_header(data: bytes) -> ImageHeader:
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 2:
            raise ImageError("expected a still image, got an animated WebP; save one of its frames")
        width, height = (int.from_bytes(data[k : k + 3], "little") + 1 for k in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ImageError("expected a WebP image, but its header is damaged")
    return ImageHeader("WebP", width, height)
