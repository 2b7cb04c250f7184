"""Images as people have them: formats by name, EXIF, animated and damaged files, sizes checked before decoding."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from solo_writer import exr_bytes

from unity_depth_perception.core.errors import DatasetError, ImageError
from unity_depth_perception.dataset.files import exif_note, read_depth, read_image, read_mask
from unity_depth_perception.dataset.guards.depth_arrays import read_exr
from unity_depth_perception.dataset.guards.images import decode_image, image_header

PIXELS = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)


def encoded(suffix: str, pixels: np.ndarray = PIXELS) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    return png[:33] + chunk(kind, data) + png[33:]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_still_image_is_decoded_and_its_size_known_from_the_header(suffix: str) -> None:
    data = encoded(suffix)
    assert image_header(data)[1:3] == (20, 12)
    assert decode_image(data).shape == (12, 20, 3)


def test_progressive_jpeg_is_decoded() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", progressive=True)
    assert decode_image(buffer.getvalue()).shape == (12, 20, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a" + bytes(60), "got a GIF"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "a HEIC photograph"),
        (b"\0\0\0\x18ftypisom" + bytes(60), r"a video \(MP4 or MOV\)"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "a video"),
        (b"<!DOCTYPE html><html>", "an HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (b"", "an empty file"),
        (b"no picture", "10 bytes that are no image"),
        (with_chunk(encoded(".png"), b"acTL", bytes(8)), "animated PNG"),
        (encoded(".png")[:60], "truncated"),
        (encoded(".png")[:20], "truncated"),
        (encoded(".jpg")[:8], "truncated|damaged"),
        (encoded(".png")[:50] + b"\xff" + encoded(".png")[51:], "checksum of its IDAT is wrong"),
        (png_header(40_000, 40_000), "at most 64 million pixels, got 40000 x 40000"),
        (png_header(0, 4), "at least 1 x 1"),
    ],
)
def test_what_is_no_still_image_is_called_by_its_name(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode_image(data)


def test_chunks_that_the_pixels_do_not_need_are_not_shown_to_opencv() -> None:
    plain = encoded(".png")
    data = with_chunk(with_chunk(plain, b"eXIf", b"MM\0*\xff\xff\xff\xff"), b"iCCP", b"x\0\0" + bytes(50))
    assert (decode_image(data) == decode_image(plain)).all()


def test_exif_orientation_is_applied_and_named(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    image.save(tmp_path / "b.jpg")
    assert read_image(tmp_path / "a.jpg").shape == (20, 12, 3)
    header = image_header((tmp_path / "a.jpg").read_bytes())
    assert (header.orientation, header.upright_size) == (6, (12, 20))
    assert "EXIF orientation 6" in exif_note(tmp_path / "a.jpg")
    assert exif_note(tmp_path / "b.jpg") == ""


def test_palette_mask_is_read_as_indices(tmp_path: Path) -> None:
    indices = np.arange(240, dtype=np.uint8).reshape(12, 20) % 5
    image = Image.fromarray(indices, mode="P")
    image.putpalette([value for k in range(5) for value in (40 * k, 255 - 40 * k, 7)])
    image.save(tmp_path / "m.png", bits=4)
    assert (read_mask(tmp_path / "m.png") == indices).all()


def test_coloured_mask_is_refused_with_the_way_out(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([PIXELS, PIXELS[..., :1]])).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match=r"expected a mask with one 16-bit channel \(value = object id \+ 1\).*SOLO"):
        read_mask(tmp_path / "m.png")


def test_exr_of_every_compression_is_read(tmp_path: Path) -> None:
    """The file is written by OpenCV in a process of its own, since it reads OPENCV_IO_ENABLE_OPENEXR once."""
    code = (
        "import os, sys; os.environ['OPENCV_IO_ENABLE_OPENEXR'] = '1'\n"
        "import cv2, numpy as np\n"
        "depth = np.random.default_rng(0).random((37, 53)).astype(np.float32); depth[0, :3] = 0, -1, np.inf\n"
        "for k in range(6):\n"
        "    cv2.imwrite(f'{sys.argv[1]}/{k}.exr', depth, [cv2.IMWRITE_EXR_COMPRESSION, k])\n"
        "    cv2.imwrite(f'{sys.argv[1]}/{k}c.exr', np.dstack([depth * 0, depth * 2, depth]),\n"
        "                [cv2.IMWRITE_EXR_COMPRESSION, k, cv2.IMWRITE_EXR_TYPE, cv2.IMWRITE_EXR_TYPE_HALF])\n"
        "np.save(f'{sys.argv[1]}/depth.npy', depth)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    depth = read_depth(tmp_path / "depth.npy")
    assert np.isnan(depth[0, :2]).all()
    for k in range(5):  # none, RLE, ZIPS, ZIP, PIZ
        np.testing.assert_array_equal(read_depth(tmp_path / f"{k}.exr"), depth)
        np.testing.assert_allclose(read_depth(tmp_path / f"{k}c.exr"), depth, atol=3e-4)
    data = (tmp_path / "3.exr").read_bytes()
    for k in range(8, len(data), 97):
        (tmp_path / "cut.exr").write_bytes(data[:k])
        with pytest.raises(DatasetError, match="expected an OpenEXR image"):
            read_exr(tmp_path / "cut.exr")


@pytest.mark.parametrize("offset", [2**20, 2**63 - 1, 2**63, 2**64 - 1])
def test_exr_block_beyond_the_file_is_refused(tmp_path: Path, offset: int) -> None:
    data = exr_bytes(np.ones((1, 3), np.float32))
    first = struct.unpack_from("<Q", data, len(data) - 8 - 36 - 8)[0]
    assert first == len(data) - 8 - 36, "the only offset, before the only block"
    (tmp_path / "d.exr").write_bytes(data[: first - 8] + struct.pack("<Q", offset) + data[first:])
    with pytest.raises(DatasetError, match=r"d\.exr: expected an OpenEXR image, but it is damaged"):
        read_depth(tmp_path / "d.exr")


@pytest.mark.parametrize("shape", ["(1000000000000000000,)", "(-4,)", "(" * 400 + "1", "(9, 9)"])
def test_npy_header_that_lies_is_refused(tmp_path: Path, shape: str) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    path = tmp_path / "d.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64))
    with pytest.raises(DatasetError, match=r"d\.npy: expected an array"):
        read_depth(path)
